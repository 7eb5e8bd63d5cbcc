import type { Answer } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { resolve } from '../../src/index.js'
import { decodeServiceBinding } from '../../src/protocols/dns/service-binding.js'
import { netvia } from './cli-process.js'
import { cname, fakeServer } from './dns-fake-server.js'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const fooExample = '03666f6f 076578616d706c65 03636f6d 00'

/** The bytes are from RFC 9460 appendix D. */
describe('the test vectors of RFC 9460', () => {
  test.each<[string, string, object]>([
    ['alias mode', `0000 ${fooExample}`, { priority: 0, target: 'foo.example.com' }],
    ["the owner's name", '0001 00', { priority: 1, target: '.' }],
    ['a port', `0010 ${fooExample} 0003 0002 0035`, { priority: 16, target: 'foo.example.com', port: 53 }],
    ['an unknown key', `0001 ${fooExample} 029b 0005 68656c6c6f`, { others: { 667: Buffer.from('hello') } }],
    [
      'two IPv6 hints',
      `0001 ${fooExample} 0006 0020 20010db8000000000000000000000001 20010db8000000000000000000530001`,
      { ipv6hint: ['2001:db8::1', '2001:db8::53:1'] },
    ],
    [
      'mandatory keys, protocols and an IPv4 hint',
      '0010 03666f6f 076578616d706c65 036f7267 00 0000 0004 0001 0004 0001 0009 02 6832 05 68332d3139 0004 0004 c0000201',
      { mandatory: ['alpn', 'ipv4hint'], alpn: ['h2', 'h3-19'], ipv4hint: ['192.0.2.1'] },
    ],
  ])('%s', (_, bytes, data) => expect(decodeServiceBinding(hex(bytes))).toMatchObject(data))
})

describe('malformed', () => {
  test.each([
    ['cut off in the priority', '00'],
    ['cut off in the name', '0001 03666f'],
    ['a compressed name', '0001 c00c'],
    ['cut off in a value', '0001 00 0003 0002 35'],
    ['keys out of order', '0001 00 0004 0004 c0000201 0003 0002 0035'],
    ['a duplicate key', '0001 00 0003 0002 0035 0003 0002 0036'],
    ['a port of one byte', '0001 00 0003 0001 35'],
    ['no protocol', '0001 00 0001 0000'],
    ['an empty protocol', '0001 00 0001 0001 00'],
    ['a value of no-default-alpn', '0001 00 0002 0001 00'],
    ['a hint of 5 bytes', '0001 00 0004 0005 c000020100'],
    ['no hint', '0001 00 0004 0000'],
  ])('%s', (_, bytes) => expect(decodeServiceBinding(hex(bytes))).toBeUndefined())

  test('any bytes result in a record or none', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), bytes => void decodeServiceBinding(Buffer.from(bytes))))
  })
})

/** The fake server's codec doesn't know these record types. */
function answer(name: string, bytes: string): Answer {
  return { type: 'UNKNOWN_65', name, ttl: 60, data: hex(bytes) } as unknown as Answer
}

async function server(answers: Answer[]): Promise<string> {
  const started = await fakeServer(({ question }) => ({
    answers: (question.type as string) === 'UNKNOWN_65' ? answers : [],
  }))
  onTestFinished(() => started.close())
  return started.server
}

test('resolve asks for type 65, follows CNAMEs and skips malformed records', async () => {
  const good = '0001 00 0001 0006 026832 026833 0003 0002 20fb'
  const answers = [cname('a.test', 'b.test'), answer('b.test', '0001 c00c'), answer('b.test', good)]
  expect(await resolve('a.test', { type: 'HTTPS', servers: [await server(answers)] })).toEqual([
    { type: 'HTTPS', name: 'b.test', ttl: 60, data: { priority: 1, target: '.', alpn: ['h2', 'h3'], port: 8443 } },
  ])
})

test('the command prints them in zone file format', async () => {
  const at = await server([answer('a.test', '0001 00 0001 0003 026832 0002 0000 0003 0002 20fb')])
  const { stdout } = await netvia(['dns', `@${at}`, '+short', 'HTTPS', 'a.test'])
  expect(stdout).toBe('1 . alpn=h2 port=8443 no-default-alpn\n')
})

test('the time for a record is linear in its parameters', () => {
  const timeFor = (count: number) => {
    const parameters = Array.from({ length: count }, (_, i) => [(i + 256) >> 8, i & 255, 0, 0])
    const bytes = Buffer.from([0, 1, 0, ...parameters.flat()])
    // So many that a busy machine doesn't interrupt all of them.
    const times = Array.from({ length: 50 }, () => {
      const started = process.hrtime.bigint()
      decodeServiceBinding(bytes)
      return Number(process.hrtime.bigint() - started)
    })
    return Math.min(...times)
  }
  timeFor(1000)
  // As many as fit into one message. Linear time would be 16 times as long.
  expect(timeFor(16_000)).toBeLessThan(100 * timeFor(1000))
})
