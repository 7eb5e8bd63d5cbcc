import { ADDRCONFIG, ALL, type LookupOptions, V4MAPPED } from 'node:dns'
import { createServer, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLookup } from '../../src/protocols/dns/lookup.js'
import { a, aaaa, fakeServer } from './dns-fake-server.js'

let dns: Awaited<ReturnType<typeof fakeServer>>
beforeAll(async () => {
  dns = await fakeServer(({ question: { name, type } }) => {
    if (name === 'none.example') return { rcode: 3 }
    if (type === 'A') return { answers: name === 'six.example' ? [] : [a(name, '127.0.0.1'), a(name, '127.0.0.2')] }
    return { answers: name === 'four.example' ? [] : [aaaa(name, '::1')] }
  })
})
afterAll(() => dns.close())

const lookup = (name: string, ...rest: [] | [LookupOptions | number]) =>
  new Promise<unknown[]>((resolve, reject) => {
    const look = createLookup({ device: 'lo', servers: [dns.server] }) as (...args: unknown[]) => void
    look(name, ...rest, (error: Error | null, ...found: unknown[]) => (error ? reject(error) : resolve(found)))
  })

test('one address, with and without options', async () => {
  expect(await lookup('both.example', 4)).toEqual(['127.0.0.1', 4])
  expect(await lookup('both.example', { family: 6 })).toEqual(['::1', 6])
  expect(await lookup('both.example', { family: 'IPv4' })).toEqual(['127.0.0.1', 4])
  expect(await lookup('four.example')).toEqual(['127.0.0.1', 4])
  expect(await lookup('192.0.2.1', 6)).toEqual(['192.0.2.1', 4])
})

test('an address that the path does not lead to waits for those of the other family', async () => {
  const slow = await fakeServer(async ({ question: { name, type } }) => {
    if (type === 'AAAA') return { answers: [aaaa(name, '2001:db8::1')] }
    await sleep(300)
    return { answers: [a(name, '127.0.0.1')] }
  })
  const look = createLookup({ localAddress: '127.0.0.1', servers: [slow.server] })
  expect(await promisify<string, number, string>(look)('late.example', 0)).toBe('127.0.0.1')
  slow.close()
})

test('an address for which the path has only one of another kind does not wait without end', async () => {
  const halfSilent = await fakeServer(({ question: { name, type } }) =>
    type === 'A' ? { answers: [a(name, '169.254.9.9')] } : undefined,
  )
  const look = createLookup({ device: 'lo', servers: [halfSilent.server], timeout: 3_600_000 })
  expect(await promisify<string, number, string>(look)('half.example', 0)).toBe('169.254.9.9')
  halfSilent.close()
})

test('all addresses, in the requested order', async () => {
  const families = async (options: LookupOptions & { order?: string }) =>
    ((await lookup('both.example', { ...options, all: true }))[0] as { family: number }[]).map(({ family }) => family)
  expect(await families({ verbatim: false })).toEqual([4, 4, 6])
  expect(await families({ order: 'ipv4first' })).toEqual([4, 4, 6])
  expect(await families({ order: 'ipv6first' })).toEqual([6, 4, 4])
  expect((await families({ verbatim: true })).sort()).toEqual([4, 4, 6])
})

test('hints', async () => {
  const mapped = [
    { address: '::ffff:127.0.0.1', family: 6 },
    { address: '::ffff:127.0.0.2', family: 6 },
  ]
  expect(await lookup('four.example', { family: 6, hints: V4MAPPED, all: true })).toEqual([mapped])
  expect(await lookup('both.example', { family: 6, hints: V4MAPPED, all: true })).toEqual([
    [{ address: '::1', family: 6 }],
  ])
  expect(await lookup('both.example', { family: 6, hints: V4MAPPED | ALL, all: true })).toEqual([
    [{ address: '::1', family: 6 }, ...mapped],
  ])
  expect(await lookup('four.example', { hints: ADDRCONFIG })).toEqual(['127.0.0.1', 4])
})

test("errors go to the callback with Node's code", async () => {
  await expect(lookup('none.example')).rejects.toMatchObject({
    code: 'ENOTFOUND',
    hostname: 'none.example',
    device: 'lo',
  })
  await expect(lookup('six.example', 4)).rejects.toMatchObject({ code: 'ENOTFOUND' })
})

test('an empty name, and invalid calls', async () => {
  expect(await lookup('')).toEqual([null, 4])
  expect(await lookup('', { all: true })).toEqual([[]])
  expect(() => createLookup({ devices: 'lo' } as never)).toThrow(/unknown option "devices"/)
  expect(() => (createLookup() as (...args: unknown[]) => void)('x')).toThrow(/callback/)
  expect(() => createLookup()('x', { family: 5 }, () => {})).toThrow(/family/)
})

test('Node accepts it as a lookup function', async () => {
  const server = createServer((_request, response) => response.end('here'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const text = await new Promise((resolve, reject) => {
    get({ host: 'both.example', port, lookup: createLookup({ servers: [dns.server] }) }, response => {
      response.setEncoding('utf8').on('data', resolve)
    }).on('error', reject)
  })
  expect(text).toBe('here')
  server.closeAllConnections()
  server.close()
})
