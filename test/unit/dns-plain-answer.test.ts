import { decode } from 'dns-packet'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeQuery } from '../../src/protocols/dns/message.js'
import { readPlainAnswer } from '../../src/protocols/dns/plain-answer.js'

const query = { id: 4711, name: 'www.host.example', type: 'A', edns: false } as const

/** A typical answer: the question, and records whose names point to it. */
function message(addresses: readonly string[]): Buffer {
  const bytes = Buffer.concat([
    encodeQuery(query),
    ...addresses.map(address =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, ...address.split('.').map(Number)]),
    ),
  ])
  bytes.writeUInt16BE(0x8180, 2)
  bytes[7] = addresses.length
  return bytes
}

const addresses = fc.array(fc.ipV4(), { minLength: 1, maxLength: 4 })
const changes = fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 3 })

test('a plain answer is read', () => {
  fc.assert(
    fc.property(addresses, list => {
      const { answers, ...head } = readPlainAnswer(message(list), query)!
      expect(head).toEqual({ rcode: 'NOERROR', truncated: false, referral: false, misplaced: false })
      const record = { name: query.name, type: 'A', class: 'IN', flush: false, ttl: 300 }
      expect(answers).toEqual(list.map(data => ({ ...record, data })))
    }),
  )
})

test('the letters of the name may have any case', () => {
  const bytes = message(['192.0.2.1'])
  bytes.write('WwW', 13)
  expect(readPlainAnswer(bytes, query)?.answers).toHaveLength(1)
})

test('with changed bytes it is read like the codec does, or left to the codec', () => {
  fc.assert(
    fc.property(addresses, changes, fc.nat(20), (list, changed, missing) => {
      const bytes = message(list)
      for (const [at, byte] of changed) if (at < bytes.length) bytes[at] = byte
      const shown = bytes.subarray(0, bytes.length - Math.max(0, missing - 10))
      const plain = readPlainAnswer(shown, query)
      if (!plain) return
      // The plain reader ignores the sections after the answers.
      const { questions, answers, flags, id } = decode(
        Buffer.concat([shown.subarray(0, 8), Buffer.alloc(4), shown.subarray(12)]),
      )
      expect([id, flags! & 0xfa0f & ~0x8000]).toEqual([query.id, 0])
      expect(questions!.map(({ name, type, class: kind }) => [name.toLowerCase(), type, kind])).toEqual([
        [query.name, 'A', 'IN'],
      ])
      expect(answers!.map(answer => ({ ...answer, name: answer.name.toLowerCase() }))).toEqual(plain.answers)
    }),
    { numRuns: 20_000 },
  )
})

test.each([
  ['another name', 'other.example'],
  ['a longer name', 'a.www.host.example'],
  ['the end of the name', 'host.example'],
])('an answer for %s is left to the codec', (_what, name) => {
  expect(readPlainAnswer(message(['192.0.2.1']), { ...query, name })).toBeUndefined()
})

test('questions of other types are left to the codec', () => {
  expect(readPlainAnswer(message(['192.0.2.1']), { ...query, type: 'AAAA' })).toBeUndefined()
})
