import { createSocket } from 'node:dgram'
import { type Answer, encode } from 'dns-packet'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { orderAddresses } from '../../src/protocols/dns/address-order.js'
import { lookUpHost } from '../../src/protocols/dns/addresses.js'
import { rememberEdns } from '../../src/protocols/dns/edns-memory.js'
import { parseResolvConf } from '../../src/protocols/dns/resolv-conf.js'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { parseDnsServer } from '../../src/protocols/dns/server-address.js'
import { familyOf } from '../../src/sockets/address.js'
import { a, aaaa, cname, fakeServer } from './dns-fake-server.js'
import { openSockets } from './open-sockets.js'
import { expectPromptAbort } from './prompt-abort.js'

type Server = Awaited<ReturnType<typeof fakeServer>>
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serve(...handler: Parameters<typeof fakeServer>): Promise<Server> {
  const server = await fakeServer(...handler)
  servers.push(server)
  // Without this, a busy server that answers after 40 ms would also be asked without EDNS.
  rememberEdns(parseDnsServer(server.server)!, {}, true)
  return server
}

const both = ({ question: { name, type } }: { question: { name: string; type: string } }) => ({
  answers: type === 'A' ? [a(name, '192.0.2.1'), a(name, '192.0.2.2')] : [aaaa(name, '2001:db8::1')],
})

test('asks for both families at the same time, and for one with `family` or `type`', async () => {
  const { server, asked } = await serve(both)
  const found = await resolve('host.example', { servers: [server] })
  expect(found.map(({ address }) => address).sort()).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1'])
  expect(found.every(({ ttl }) => ttl === 60)).toBe(true)
  expect(asked.map(({ question, via, edns }) => [question.type, via, edns]).sort()).toEqual([
    ['A', 'udp', true],
    ['AAAA', 'udp', true],
  ])
  expect(await resolve('host.example', { family: 6, servers: [server] })).toEqual([
    { address: '2001:db8::1', family: 6, ttl: 60 },
  ])
  expect(await resolve('host.example', { type: 'A', servers: [server] })).toHaveLength(2)
  expect(asked).toHaveLength(4)
})

test('an address in the zone of a missing device comes last, and leaves no socket open', async () => {
  const before = await openSockets()
  const list = ['fe80::1%nosuch0', '127.0.0.1'].map(address => ({ address, family: familyOf(address) }))
  expect(orderAddresses(list, {}).map(({ address }) => address)).toEqual(['127.0.0.1', 'fe80::1%nosuch0'])
  expect(await openSockets()).toBe(before)
})

test('reachable addresses come first, IPv6 before IPv4, otherwise in the order of the server', () => {
  const list = ['127.0.0.2', '127.0.0.1', '::1'].map(address => ({ address, family: familyOf(address) }))
  const addresses = (items: { address: string }[]) => items.map(({ address }) => address)
  expect(addresses(orderAddresses(list, {}))).toEqual(['::1', '127.0.0.2', '127.0.0.1'])
  expect(addresses(orderAddresses(list, { localAddress: '127.0.0.1' }))).toEqual(['127.0.0.2', '127.0.0.1', '::1'])
  expect(addresses(orderAddresses(list, { device: 'nosuch0' }))).toEqual(['::1', '127.0.0.2', '127.0.0.1'])
})

test('of one family too, reachable addresses come first; records keep the order of the server', async () => {
  const { server } = await serve(({ question: { name } }) => ({
    answers: [aaaa(name, 'fe80::1'), aaaa(name, '::1')],
  }))
  const addresses = async (options: { family?: 6; type?: 'AAAA' }) =>
    (await resolve('host.example', { ...options, servers: [server] })).map(({ address }) => address)
  expect(await addresses({ family: 6 }), 'a link-local address without its zone').toEqual(['::1', 'fe80::1'])
  expect(await addresses({ type: 'AAAA' })).toEqual(['fe80::1', '::1'])
})

test.each(['10.0.0.300', '10.0.0', '10.0.0.*'])('no server is asked for %s, an invalid address', async host => {
  const { server, asked } = await serve(both)
  await expect(resolve(host, { servers: [server] })).rejects.toMatchObject({
    code: 'ENOTFOUND',
    hint: expect.stringContaining('has four numbers of 0-255'),
  })
  expect(asked).toEqual([])
})

test('over a device, and a server with an IPv6 address', async () => {
  const { server } = await serve(both, '::1')
  expect(await resolve('host.example', { device: 'lo', family: 4, servers: [server] })).toHaveLength(2)
})

test('each query has its own random id and source port', async () => {
  const { server, asked } = await serve(both)
  for (let i = 0; i < 30; i++) await resolve('host.example', { family: 4, servers: [server] })
  expect(new Set(asked.map(({ id }) => id)).size).toBeGreaterThan(25)
  expect(new Set(asked.map(({ port }) => port)).size).toBeGreaterThan(25)
})

test('CNAMEs are followed, and an endless chain is a failure of the server', async () => {
  const { server } = await serve(({ question: { name } }) => ({
    answers:
      name === 'loop.example'
        ? [cname('loop.example', 'b.example'), cname('b.example', 'loop.example')]
        : [cname(name, 'b.example'), a('b.example', '192.0.2.9', 5)],
  }))
  expect(await resolve('www.example', { family: 4, servers: [server] })).toEqual([
    { address: '192.0.2.9', family: 4, ttl: 5 },
  ])
  await expect(resolve('loop.example', { family: 4, servers: [server] })).rejects.toMatchObject({ code: 'EAI_AGAIN' })
})

describe('an answer that is not about the name is a failure of the server, and the next one is asked', () => {
  const malformed = { name: 'www.example', type: 'UNKNOWN_65', ttl: 9, data: Buffer.from([0, 1, 0, 0, 3, 0, 9]) }
  test.each<[what: string, type: 'A' | 'HTTPS', answers: Answer[]]>([
    ['addresses of another name', 'A', [a('other.example', '192.0.2.66')]],
    ['an alias of another name', 'A', [cname('other.example', 'b.example')]],
    ['addresses beyond the end of the chain', 'A', [cname('www.example', 'b.example'), a('c.example', '192.0.2.66')]],
    ['addresses of another class', 'A', [{ ...a('www.example', '192.0.2.66'), class: 'CH' } as Answer]],
    ['a malformed record of the type', 'HTTPS', [malformed as unknown as Answer]],
  ])('%s', async (_what, type, answers) => {
    const broken = await serve(() => ({ answers }))
    const sound = await serve(() => ({}))
    const ask = (...servers: string[]) => resolve('www.example', { type: type as 'HTTPS', servers })
    await expect(ask(broken.server)).rejects.toMatchObject({
      code: 'EAI_AGAIN',
      message: expect.stringContaining('says something that is no answer'),
    })
    await expect(ask(broken.server, sound.server)).rejects.toMatchObject({ code: 'ENODATA' })
    expect(sound.asked).toHaveLength(1)
  })

  test('but other records of the name, or an alias that leads nowhere, mean that there is none', async () => {
    const { server } = await serve(({ question: { name } }) => ({
      answers: [name === 'alias.example' ? cname(name, 'b.example') : aaaa(name, '2001:db8::1')],
    }))
    for (const name of ['alias.example', 'other.example'])
      await expect(resolve(name, { type: 'A', servers: [server] })).rejects.toMatchObject({ code: 'ENODATA' })
  })
})

describe("errors have Node's codes", () => {
  test('no such name', async () => {
    const { server, asked } = await serve(() => ({ rcode: 3 }))
    await expect(resolve('no.example', { servers: [server] })).rejects.toMatchObject({
      name: 'NetviaError',
      code: 'ENOTFOUND',
      syscall: 'resolve',
      hostname: 'no.example',
    })
    expect(asked).toHaveLength(2)
  })
  test('no record', async () => {
    const { server } = await serve(() => ({}))
    await expect(resolve('no.example', { type: 'MX', servers: [server] })).rejects.toMatchObject({ code: 'ENODATA' })
    await expect(resolve('no.example', { type: 'A', servers: [server] })).rejects.toMatchObject({ code: 'ENODATA' })
    await expect(resolve('no.example', { servers: [server] })).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })
  test('every server failed, in two rounds', async () => {
    const one = await serve(() => ({ rcode: 2 }))
    const two = await serve(() => ({ rcode: 5 }))
    await expect(resolve('x.example', { family: 4, servers: [one.server, two.server] })).rejects.toMatchObject({
      code: 'EAI_AGAIN',
      message: expect.stringContaining('SERVFAIL'),
      cause: expect.objectContaining({ errors: expect.arrayContaining([expect.anything()]) }),
    })
    expect([one.asked.length, two.asked.length]).toEqual([2, 2])
  })
  test('nothing listens', async () => {
    const { server, close } = await fakeServer(() => undefined)
    close()
    await expect(resolve('x.example', { servers: [server] })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'resolve',
      hostname: 'x.example',
    })
  })
  test('silence', async () => {
    const { server } = await serve(() => undefined)
    const took = async () => {
      const start = performance.now()
      const asked = resolve('x.example', { timeout: 100, servers: [server] })
      await expect(asked).rejects.toMatchObject({ code: 'ETIMEOUT' })
      return performance.now() - start
    }
    // A busy machine is late at times.
    await expect.poll(took).toBeLessThan(1000)
  })
  test('a server that only returns a referral', async () => {
    const { server } = await serve(() => ({ recursion: false }))
    await expect(resolve('x.example', { family: 4, servers: [server] })).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  })
  test('no such device: immediately, and without a packet', async () => {
    const { server, asked } = await serve(both)
    await expect(resolve('x.example', { device: 'nosuch0', servers: [server] })).rejects.toMatchObject({
      code: 'ENODEV',
      device: 'nosuch0',
    })
    expect(asked).toEqual([])
  })
})

test('the next server is asked if one fails', async () => {
  const bad = await serve(() => ({ rcode: 2 }))
  const good = await serve(both)
  expect(await resolve('x.example', { family: 4, servers: [bad.server, good.server] })).toHaveLength(2)
  expect(bad.asked).toHaveLength(1)
})

test('one family that answers in time is a result', async () => {
  const { server } = await serve(asked => (asked.question.type === 'A' ? both(asked) : undefined))
  expect(await resolve('x.example', { timeout: 150, servers: [server] })).toHaveLength(2)
})

/** Each way once: on a busy machine a question is repeated before its answer is read. */
function waysOf(asked: readonly { via: string }[]): string[] {
  return [...new Set(asked.map(({ via }) => via))]
}

test('a cut off answer is asked for again over TCP', async () => {
  const { server, asked } = await serve(({ question, via }) => ({
    truncated: via === 'udp',
    answers: via === 'udp' ? [] : Array.from({ length: 200 }, (_, i) => a(question.name, `192.0.2.${i}`)),
  }))
  expect(await resolve('many.example', { family: 4, device: 'lo', servers: [server] })).toHaveLength(200)
  expect(waysOf(asked)).toEqual(['udp', 'tcp'])
  expect(asked[0]!.id).not.toBe(asked.at(-1)!.id)
})

test('a datagram larger than advertised counts as cut off', async () => {
  const { server, asked } = await serve(({ question }) => ({
    answers: Array.from({ length: 200 }, (_, i) => a(question.name, `192.0.2.${i}`)),
  }))
  expect(await resolve('many.example', { family: 4, servers: [server] })).toHaveLength(200)
  expect(waysOf(asked)).toEqual(['udp', 'tcp'])
})

test.each<[string, (whole: Buffer) => Buffer]>([
  ['ends in the middle of a record', whole => whole.subarray(0, -3)],
  [
    'claims more records than it has',
    whole => Buffer.concat([whole.subarray(0, 6), Buffer.of(0, 3), whole.subarray(8)]),
  ],
])('an answer that %s is asked for again over TCP', async (_fault, spoil) => {
  let overTcp = false
  const { server, asked } = await serve(({ id, question, via }) => {
    const answers = [a(question.name, '192.0.2.1'), a(question.name, '192.0.2.2')]
    const whole = encode({ type: 'response', id, flags: 0x180, questions: [question], answers })
    return via === 'tcp' && !overTcp ? { answers } : spoil(whole)
  })
  const ask = () => resolve('x.example', { family: 4, servers: [server] })
  expect(await ask()).toHaveLength(2)
  expect(waysOf(asked)).toEqual(['udp', 'tcp'])
  // A server that answers doesn't count as silent.
  overTcp = true
  await expect(ask()).rejects.toMatchObject({ code: 'EAI_AGAIN', message: expect.stringContaining('cut off') })
})

test('a TCP server that answers nonsense, cuts its answer off, or says nothing', async () => {
  let over: Parameters<typeof fakeServer>[0] = () => undefined
  const { server } = await serve(asked => (asked.via === 'udp' ? { truncated: true } : over(asked)))
  const ask = () => resolve('x.example', { family: 4, timeout: 300, servers: [server] })
  await expect(ask()).rejects.toMatchObject({ code: 'ETIMEOUT' })
  over = () => new Uint8Array(40)
  await expect(ask()).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  over = () => ({ id: 1, answers: [a('x.example', '192.0.2.1')] })
  await expect(ask()).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  const answers = [a('x.example', '192.0.2.1'), a('x.example', '192.0.2.2')]
  for (const cutAfter of [0, 1, 40]) {
    over = () => ({ answers, cutAfter })
    await expect(ask()).rejects.toMatchObject({
      code: 'ECONNRESET',
      message: expect.stringContaining('before its answer was whole'),
    })
  }
  // The server itself says that its answer is incomplete, so it isn't "no record".
  over = () => ({ truncated: true })
  await expect(ask()).rejects.toMatchObject({ code: 'EAI_AGAIN', message: expect.stringContaining('cut off') })
})

test('a server that predates EDNS is asked again without it', async () => {
  const { server, asked } = await serve(one => (one.edns ? { rcode: 1, questions: [] } : both(one)))
  expect(await resolve('old.example', { family: 4, servers: [server] })).toHaveLength(2)
  expect(asked.map(({ edns }) => edns)).toEqual([true, false])
})

test('forged answers are passed over and the true one is waited for', async () => {
  const { server } = await serve(({ question, id }) => [
    { id: id ^ 1, answers: [a(question.name, '203.0.113.66')] },
    { questions: [{ ...question, name: 'evil.example' }], answers: [a('evil.example', '203.0.113.66')] },
    new Uint8Array([1, 2, 3]),
    new Uint8Array(600),
    { answers: [a(question.name, '192.0.2.1')] },
  ])
  expect(await resolve('host.example', { family: 4, servers: [server] })).toMatchObject([{ address: '192.0.2.1' }])
})

test.each([
  ['port', '127.0.0.1'],
  ['address', '127.0.0.2'],
])('an answer from another %s is never read', async (_what, source) => {
  const stranger = createSocket('udp4')
  await new Promise<void>(done => stranger.bind(0, source, done))
  const { server } = await serve(async ({ question, id, port }) => {
    const forged = encode({
      type: 'response',
      id,
      flags: 0x180,
      questions: [question],
      answers: [a(question.name, '203.0.113.66')],
    })
    await new Promise(done => stranger.send(forged, port, '127.0.0.1', done))
    await new Promise(done => setTimeout(done, 30))
    return { answers: [a(question.name, '192.0.2.1')] }
  })
  try {
    expect(await resolve('host.example', { family: 4, servers: [server] })).toMatchObject([{ address: '192.0.2.1' }])
  } finally {
    stranger.close()
  }
})

test('records of other types', async () => {
  const { server } = await serve(({ question: { name, type } }) => {
    const common = { name, ttl: 30, class: 'IN' } as const
    if (type === 'MX') return { answers: [{ ...common, type, data: { preference: 10, exchange: 'mail.example' } }] }
    if (type === 'TXT') return { answers: [{ ...common, type, data: ['one', 'two'] }] }
    if (type === 'PTR') return { answers: [{ ...common, type, data: `for.${name}` }] }
    if (type === 'SRV')
      return { answers: [{ ...common, type, data: { priority: 1, weight: 2, port: 3, target: 't.example' } }] }
    return {}
  })
  const options = { servers: [server] }
  expect(await resolve('x.example', { ...options, type: 'MX' })).toEqual([
    { name: 'x.example', type: 'MX', ttl: 30, data: { preference: 10, exchange: 'mail.example' } },
  ])
  expect((await resolve('x.example', { ...options, type: 'TXT' }))[0]!.data).toEqual(['one', 'two'])
  expect((await resolve('x.example', { ...options, type: 'SRV' }))[0]!.data.port).toBe(3)
  expect((await resolve('192.0.2.5', { ...options, type: 'PTR' }))[0]!.data).toBe('for.5.2.0.192.in-addr.arpa')
})

test('literal addresses and localhost are resolved without a server', async () => {
  const { server, asked } = await serve(() => ({ rcode: 3 }))
  const options = { servers: [server] }
  expect(await resolve('192.0.2.1', options)).toEqual([{ address: '192.0.2.1', family: 4, ttl: 0 }])
  expect(await resolve('2001:db8::1', options)).toEqual([{ address: '2001:db8::1', family: 6, ttl: 0 }])
  expect(await resolve('fe80::1%lo', options)).toEqual([{ address: 'fe80::1%lo', family: 6, ttl: 0 }])
  expect(await resolve('localhost', { ...options, family: 4 })).toEqual([{ address: '127.0.0.1', family: 4, ttl: 0 }])
  expect(await resolve('Foo.Localhost.', { ...options, type: 'AAAA' })).toEqual([{ address: '::1', family: 6, ttl: 0 }])
  await expect(resolve('192.0.2.1', { family: 6 })).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
  await expect(resolve('a..b', options)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(asked).toEqual([])
})

test('IDN is asked for in punycode', async () => {
  const { server, asked } = await serve(both)
  await resolve('Bücher.example', { family: 4, servers: [server] })
  expect(asked[0]!.question.name).toBe('xn--bcher-kva.example')
})

test('the search list asks for both families of a domain before the next', async () => {
  const { server, asked } = await serve(({ question: { name, type } }) =>
    name === 'host.two.example' && type === 'AAAA'
      ? { answers: [aaaa(name, '2001:db8::1')] }
      : { rcode: name === 'host.two.example' ? 0 : 3 },
  )
  const conf = { ...parseResolvConf('search one.example two.example'), servers: [parseDnsServer(server)!] }
  const told: unknown[] = []
  await lookUpHost('host', [4, 6], { conf, path: {} }, (family, addresses) => told.push([family, addresses.length]))
  expect(told).toEqual([
    [6, 1],
    [4, 0],
  ])
  expect([...new Set(asked.map(({ question }) => question.name))]).toEqual(['host.one.example', 'host.two.example'])
})

test('rotate starts with a different server each time, and use-vc asks over TCP', async () => {
  const one = await serve(both)
  const two = await serve(both)
  const list = [one, two].map(({ server }) => parseDnsServer(server)!)
  const conf = { ...parseResolvConf('options rotate use-vc'), servers: list }
  for (let i = 0; i < 4; i++) await lookUpHost('host.example', [4], { conf, path: {} }, () => {})
  expect([one.asked.length, two.asked.length]).toEqual([2, 2])
  expect(one.asked.every(({ via }) => via === 'tcp')).toBe(true)
})

test('invalid options are refused by name', async () => {
  const refused = (options: object, name = 'x.example') =>
    expect(resolve(name, options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  await refused({ server: ['127.0.0.1'] })
  await refused({ servers: ['dns.example'] })
  await refused({ family: 5 })
  await refused({ type: 'ANY' })
  await refused({ type: 'A', family: 6 })
  await refused({ type: 'MX', family: 4 })
  await refused({ timeout: -1 })
  await refused({}, '')
})

describe('aborting', () => {
  test('before it starts', async () => {
    await expect(resolve('x.example', { signal: AbortSignal.abort('why') })).rejects.toBe('why')
  })
  test.each([
    ['udp', () => undefined],
    ['tcp', ({ via }: { via: string }) => (via === 'udp' ? { truncated: true } : undefined)],
  ] as const)('while it waits for an answer over %s: immediately, and nothing stays open', async (via, reply) => {
    const { server, asked } = await serve(reply as never)
    await resolve('localhost')
    // The fake server's sockets of the TCP connections close with them.
    await expectPromptAbort(signal => resolve('x.example', { servers: [server], signal }))
    expect(asked.at(-1)).toHaveProperty('via', via)
  })
})

test('leaves no timer', async () => {
  const { server } = await serve(both)
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const intervals = vi.spyOn(globalThis, 'setInterval')
  try {
    await resolve('host.example', { device: 'lo', timeout: 60_000, servers: [server] })
    const made = [...timers.mock.results, ...intervals.mock.results].map(({ value }) => value)
    // Timers for the whole, the device and the second family, and for each family one for its end and one for its next try.
    expect(made.length).toBeLessThanOrEqual(7)
    expect(made.filter(timer => !timer._destroyed)).toEqual([])
  } finally {
    vi.restoreAllMocks()
  }
})

test('a hundred lookups that end in every way leave no descriptor', async () => {
  const { server } = await serve(asked => {
    const kind = Number(asked.question.name.replace(/\D/g, '')) % 4
    if (kind === 0) return both(asked)
    return kind === 1 ? { rcode: 3 } : kind === 2 ? { truncated: asked.via === 'udp', rcode: 2 } : undefined
  })
  const before = await openSockets()
  await Promise.allSettled(
    Array.from({ length: 100 }, (_, i) => resolve(`n${i}.example`, { timeout: 200, servers: [server] })),
  )
  expect(await openSockets()).toBe(before)
})

test.each([
  [':::1', 'it is neither an IPv6 address nor a name'],
  ['::gg', 'it is neither an IPv6 address nor a name'],
  ['1:2:3', 'it is neither an IPv6 address nor a name'],
  ['[::1]', 'an IPv6 address has no brackets here'],
  ['192.0.2.1:80', 'it ends with a port: give the host alone'],
  ['server.test:80', 'it ends with a port: give the host alone'],
  ['[::1]:80', 'it ends with a port: give the host alone'],
  ['https://server.test/', 'it is a URL: give its host alone'],
  ['192.0.2.0/24', 'it is no single host: blocks of addresses are for a sweep'],
  ['2001:db8::/64', 'it is no single host: blocks of addresses are for a sweep'],
  ['server test', 'a name has no white space'],
])('no server is asked for %s, and the error says what it is', async (host, hint) => {
  const { server, asked } = await serve(both)
  await expect(resolve(host, { servers: [server] })).rejects.toMatchObject({ code: 'ENOTFOUND', hostname: host, hint })
  expect(asked).toEqual([])
})
