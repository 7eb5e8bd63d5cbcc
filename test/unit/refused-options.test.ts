import { expect, test } from 'vitest'
import * as entry from '../../src/index.js'
import * as undiciEntry from '../../src/undici.js'
import { openSockets } from './open-sockets.js'
import { as, calls, type Given, host, port, uplink } from './public-calls.js'
import { requires } from './requirements.js'

/** Public names that take no options. */
const without = ['NetviaError', 'instrument', 'joinHostPort', 'multipathInfo', 'privileges', 'splitHostPort', 'tcpInfo']

/** The error with which a call or constructor rejects or throws. */
async function refusal(call: () => unknown): Promise<entry.NetviaError> {
  try {
    await call()
  } catch (error) {
    return error as entry.NetviaError
  }
  throw new Error('not refused')
}

test('covers every public call', () => {
  const functions = Object.entries({ ...entry, ...undiciEntry }).filter(([, value]) => typeof value === 'function')
  expect(functions.map(([name]) => name).filter(name => !calls[name] && !without.includes(name))).toEqual([])
})

test.each(Object.keys(calls))('%s refuses an unknown option by name, and lists the known ones', async name => {
  const error = await refusal(() => calls[name]!({ timeuot: 5 }))
  expect(error).toBeInstanceOf(entry.NetviaError)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
  expect(error.message).toBe(`${name.replace('via.', '')}: unknown option "timeuot"`)
  expect(error.hint).toMatch(/^known options: \w/)
})

test.each(Object.keys(calls))('%s refuses options of a wrong type', async name => {
  const error = await refusal(() => calls[name]!({ signal: 5, device: 'no/device', localAddress: 'here', mark: -1 }))
  expect(error).toBeInstanceOf(entry.NetviaError)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
})

test.each(Object.keys(calls))('%s refuses a promise that nobody awaited, and iterables', async name => {
  const path = { device: 'nonesuch0' }
  const odd = [Promise.resolve(path), new Map(Object.entries(path)), new URLSearchParams(path)]
  for (const options of odd) {
    const error = await refusal(() => calls[name]!(options as never))
    expect(error.message).toMatch(/: options must be an object, not a promise or an iterable; got an object$/)
    expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
  }
})

const tooLong = Buffer.alloc(65_508)
test.each<[what: string, name: string, options: Given, says: RegExp]>([
  ['payload and another size', 'ping', { payload: Buffer.alloc(8), payloadSize: 9 }, /payloadSize must be the length/],
  ['payload and another size', 'sweep', { payload: Buffer.alloc(8), payloadSize: 9 }, /payloadSize must be the length/],
  ['a payload too large for a packet', 'pings', { payload: tooLong }, /payload\.length/],
  [
    'a family and a record type of the other',
    'resolve',
    { family: 6, type: 'A' },
    /family must be left out with type A/,
  ],
  [
    'a family and a record type without addresses',
    'resolve',
    { family: 4, type: 'MX' },
    /family must be left out with type MX/,
  ],
  ['IPv6 only, at an IPv4 address', 'listen', { ipv6Only: true }, /ipv6Only/],
  [
    'an expected body without reading it',
    'checkHttp',
    { expectBody: 'a', maxBodyBytes: 0 },
    /maxBodyBytes must be more than 0/,
  ],
  ['a range that ends before it starts', 'checkHttp', { expectStatus: [399, 200] }, /expectStatus/],
  ['a port range that ends before it starts', 'scanPorts', { ports: '80-22' }, /ports/],
  ['a port, by ICMP', 'traceroute', { method: 'icmp', port: 80 }, /port must be left out with method icmp/],
  [
    'a payload, by TCP',
    'traceroute',
    { method: 'tcp', payloadSize: 9 },
    /payloadSize must be left out with method tcp/,
  ],
  ['a first hop after the last', 'traceroute', { firstHop: 9, maxHops: 3 }, /firstHop must be at most maxHops/],
  ['flows, by ICMP', 'traceroutes', { flows: 2 }, /flows must be 1 or left out with method icmp/],
  ['several queries in a round', 'traceroutes', { queries: 2 }, /unknown option "queries"/],
  [
    'a delay that the kernel can not count',
    'connect',
    { keepAlive: 999 },
    /keepAlive must be .* from 1000 to 32767000/,
  ],
  ['a delay that the kernel can not count', 'HttpAgent', { keepAliveMsecs: 32_768_000 }, /keepAliveMsecs/],
  [
    'a delay that the kernel can not count',
    'createDispatcher',
    { connect: { keepAliveInitialDelay: 1 } },
    /keepAliveInitialDelay/,
  ],
  ['a way past the path', 'createDispatcher', { connect: () => {} }, /connect/],
  ['a way past the path', 'fetch', { dispatcher: {} }, /unknown option "dispatcher"/],
  ['a way past the path', 'HttpAgent', { socketPath: '/run/socket' }, /unknown option "socketPath"/],
  ['a band that ends before it starts', 'UplinkMonitor', { loss: { enter: 0.1, leave: 0.5 } }, /loss/],
  ['a quorum of more checks than exist', 'UplinkMonitor', { reliability: 2 }, /reliability/],
])('contradictory: %s (%s)', async (_what, name, options, says) => {
  const error = await refusal(() => calls[name]!(options))
  expect(error.message).toMatch(says)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
  // The message names the option too.
  expect(error.message).toContain(error.option?.at(-1))
})

test.each(['checkDns', 'checkHttp', 'connect', 'createLookup', 'resolve'])(
  '%s with an empty list of name servers asks no others',
  async name => {
    const error = await refusal(() => calls[name]!({ servers: [] }))
    expect(error.message).toBe(`${name}: servers must be an array of at least one name server; got an array of 0`)
    expect(error.option).toEqual(['servers'])
  },
)

test.each([undefined, null, 5, {}])('sweep refuses invalid targets (%s)', async targets => {
  const error = await refusal(() => entry.sweep(targets as unknown as string))
  expect(error.message).toMatch(/^sweep: targets must be a string or an iterable of strings; got /)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
})

test('a source address that this machine does not have is reported as such', async () => {
  const { message, hint } = await refusal(() => entry.connect({ host, port, localAddress: '192.0.2.77' }))
  expect(message).toBe('bind EADDRNOTAVAIL: address not available (192.0.2.77); no device here has this address')
  expect(hint).toBe('no device here has this address')
})

test.each(['events', 'pings', 'scanPorts', 'sweep', 'traceroute', 'traceroutes', 'watchDevices'])(
  '%s with an aborted signal rejects on iteration, as with one that aborts later',
  async name => {
    const before = await openSockets()
    const reason = new Error('before')
    const results = calls[name]!({ signal: AbortSignal.abort(reason) }) as AsyncIterableIterator<unknown>
    await expect(results.next()).rejects.toBe(reason)
    expect(await openSockets()).toBe(before)
  },
)

test('an invalid URL is reported without being shown', async () => {
  const error = await refusal(() => entry.checkHttp('user:secret@example.com'))
  expect(error.message).toMatch(/http/)
  expect(error.message).not.toContain('secret')
})

test.each([null, undefined, 5n, Symbol('odd'), Object.create(null), () => 1])(
  'an invalid URL, host or key is refused by name (%#)',
  async odd => {
    expect((await refusal(() => entry.checkHttp(as({ odd }), {}))).code).toBe('ERR_INVALID_ARG_VALUE')
    expect((await refusal(() => entry.checkHttp(odd as string))).code).toBe('ERR_INVALID_ARG_VALUE')
    for (const call of [entry.ping, entry.checkPing, entry.checkDns, entry.resolve, entry.pathMtu] as ((
      host: string,
    ) => unknown)[]) {
      expect((await refusal(() => call(odd as string))).code).toBe('ERR_INVALID_ARG_VALUE')
    }
    const monitor = new entry.UplinkMonitor({ uplinks: [uplink] } as entry.MonitorOptions)
    const group = new entry.UplinkGroup(monitor, { policy: 'sticky', whenAllDown: 'least-bad' })
    if (odd !== undefined) {
      expect((await refusal(async () => group.pick(odd as string))).code).toBe('ERR_INVALID_ARG_VALUE')
    }
    // undici's own error, as for any fetch.
    await expect(group.fetch(odd as string)).rejects.toThrow(TypeError)
    await group.close()
  },
)

test.for<[string, Given]>([
  ['connect', { localAddress: '::1' }],
  ['openUdp', { family: 6 }],
  ['ping', { localAddress: '::1' }],
  ['scanPorts', { localAddress: '::1' }],
])('contradictory: addresses of two families (%s)', async ([name, options], context) => {
  if (name === 'ping') requires(context, 'ping')
  const error = await refusal(async () => {
    const given = await calls[name]!(options)
    if (name === 'scanPorts') await (given as entry.PortScan).open()
  })
  expect(error.code).toBe('ERR_ADDRESS_FAMILY')
})

test.each([
  [{ key: 'secret' }, 'an object'],
  [Object.create(null), 'an object'],
  [[1, 2], 'an array of 2'],
  [() => 1, 'a function'],
  [Symbol('x'), 'Symbol(x)'],
  [5n, '5n'],
  ['5', '"5"'],
  [null, 'null'],
])('a wrong value is shown, but only the type of objects (%#)', async (timeout, words) => {
  const calling = entry.ping(host, as({ timeout }))
  await expect(calling).rejects.toThrow(new RegExp(`^ping: timeout must be .*; got ${words.replace(/[()]/g, '\\$&')}$`))
  await expect(entry.ping(host, [] as entry.PingOptions)).rejects.toThrow(
    'ping: options must be an object; got an array of 0',
  )
})
