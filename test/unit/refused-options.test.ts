import { expect, onTestFinished, test } from 'vitest'
import * as entry from '../../src/index.js'
import * as undiciEntry from '../../src/undici.js'
import { openSockets } from './open-sockets.js'
import { requires } from './requirements.js'

// Nothing is sent: what is refused is refused before. Were it not, the targets are loopback.
const host = '127.0.0.1'
const port = 9
const uplink = { name: 'one', device: 'lo', checks: [{ type: 'tcp', host, port }] }
const monitor = () => new entry.UplinkMonitor({ uplinks: [uplink] } as entry.MonitorOptions)

function group(): entry.UplinkGroup {
  const made = new entry.UplinkGroup(monitor(), { policy: 'failover' })
  onTestFinished(() => void made.httpAgent.destroy())
  return made
}

/** Options as a program without types may give them. */
type Given = Record<string, unknown>
const as = <Options>(options: Given) => options as unknown as Options
type First<Call extends (...args: never[]) => unknown> = Parameters<Call>[0]
type Second<Call extends (...args: never[]) => unknown> = Parameters<Call>[1]

/** Every public call that takes options, with what else it needs. */
const calls: Record<string, (options: Given) => unknown> = {
  checkDns: options => entry.checkDns('localhost', as(options)),
  checkHttp: options => entry.checkHttp(`http://${host}:${port}/`, as(options)),
  checkPing: options => entry.checkPing(host, as(options)),
  checkTcp: options => entry.checkTcp(as({ host, port, ...options })),
  connect: options => entry.connect(as({ host, port, ...options })),
  connectTls: options => entry.connectTls(as({ host, port, ...options })),
  createDispatcher: options => undiciEntry.createDispatcher(as(options)),
  createLookup: options => entry.createLookup(as(options)),
  device: options => entry.device('lo', as(options)),
  deviceAddress: options => entry.deviceAddress('lo', 4, as(options)),
  devices: options => entry.devices(as(options)),
  fetch: options => undiciEntry.fetch(`http://${host}:${port}/`, as(options)),
  HttpAgent: options => new entry.HttpAgent(as(options)),
  HttpsAgent: options => new entry.HttpsAgent(as(options)),
  listen: options => entry.listen(as({ port: 0, host, ...options })),
  openIcmp: options => entry.openIcmp(as({ family: 4, ...options })),
  openUdp: options => entry.openUdp(as({ host, ...options })),
  pathMtu: options => entry.pathMtu(host, as(options)),
  ping: options => entry.ping(host, as(options)),
  pings: options => entry.pings(host, as(options)),
  resolve: options => entry.resolve('localhost', as<Second<typeof entry.resolve>>(options)!),
  scanPorts: options => entry.scanPorts(host, as(options)),
  sweep: options => entry.sweep(host, as(options)),
  traceroute: options => entry.traceroute(host, as(options)),
  UplinkGroup: options => new entry.UplinkGroup(monitor(), as({ policy: 'failover', ...options })),
  'UplinkGroup.connect': options => group().connect(as({ host, port, ...options })),
  'UplinkGroup.fetch': options => group().fetch(`http://${host}:${port}/`, as(options)),
  'UplinkGroup.resolve': options => group().resolve('localhost', as(options)),
  UplinkMonitor: options => new entry.UplinkMonitor(as({ uplinks: [uplink], ...options })),
  events: options => monitor().events(as(options)),
  via: options => entry.via(as<First<typeof entry.via>>(options)),
  watchDevices: options => entry.watchDevices(as(options)),
}

/** What takes no options. */
const without = ['NetviaError', 'joinHostPort', 'privileges', 'tcpInfo']

/** Rejected or thrown, by a call or by making an object. */
async function refusal(call: () => unknown): Promise<entry.NetviaError> {
  try {
    await call()
  } catch (error) {
    return error as entry.NetviaError
  }
  throw new Error('not refused')
}

test('no public call is left out', () => {
  const functions = Object.entries({ ...entry, ...undiciEntry }).filter(([, value]) => typeof value === 'function')
  expect(functions.map(([name]) => name).filter(name => !calls[name] && !without.includes(name))).toEqual([])
})

test.each(Object.keys(calls))('%s refuses an unknown option by name, and says which there are', async name => {
  const error = await refusal(() => calls[name]!({ timeuot: 5 }))
  expect(error).toBeInstanceOf(entry.NetviaError)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
  expect(error.message).toBe(`${name}: unknown option "timeuot"`)
  expect(error.hint).toMatch(/^known options: \w/)
})

test.each(Object.keys(calls))('%s refuses options that are none', async name => {
  const error = await refusal(() => calls[name]!({ signal: 5, device: 'no/device', localAddress: 'here', mark: -1 }))
  expect(error).toBeInstanceOf(entry.NetviaError)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
})

const tooLong = Buffer.alloc(65_508)
test.each<[what: string, name: string, options: Given, says: RegExp]>([
  ['payload and another size', 'ping', { payload: Buffer.alloc(8), payloadSize: 9 }, /payloadSize must be the length/],
  ['payload and another size', 'sweep', { payload: Buffer.alloc(8), payloadSize: 9 }, /payloadSize must be the length/],
  ['a payload no packet holds', 'pings', { payload: tooLong }, /payload\.length/],
  [
    'a family and a record type of the other',
    'resolve',
    { family: 6, type: 'A' },
    /family must be left out with type A/,
  ],
  ['a family and a record type of none', 'resolve', { family: 4, type: 'MX' }, /family must be left out with type MX/],
  ['IPv6 only, at an IPv4 address', 'listen', { ipv6Only: true }, /ipv6Only/],
  [
    'a body expected and none read',
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
  ['a way past the path', 'createDispatcher', { connect: () => {} }, /connect/],
  ['a way past the path', 'fetch', { dispatcher: {} }, /unknown option "dispatcher"/],
  ['a way past the path', 'HttpAgent', { socketPath: '/run/socket' }, /unknown option "socketPath"/],
  ['a band that ends before it starts', 'UplinkMonitor', { loss: { enter: 0.1, leave: 0.5 } }, /loss/],
  ['more checks than there are', 'UplinkMonitor', { reliability: 2 }, /reliability/],
])('contradictory: %s (%s)', async (_what, name, options, says) => {
  const error = await refusal(() => calls[name]!(options))
  expect(error.message).toMatch(says)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
  // Which of them: it is named in the message, too.
  expect(error.message).toContain(error.option?.at(-1))
})

test.each(['checkDns', 'checkHttp', 'connect', 'createLookup', 'resolve'])(
  '%s asks no other name servers where it is given none at all',
  async name => {
    const error = await refusal(() => calls[name]!({ servers: [] }))
    expect(error.message).toBe(`${name}: servers must be an array of at least one name server; got an array of 0`)
    expect(error.option).toEqual(['servers'])
  },
)

test.each([undefined, null, 5, {}])('sweep refuses targets that are none (%s)', async targets => {
  const error = await refusal(() => entry.sweep(targets as unknown as string))
  expect(error.message).toMatch(/^sweep: targets must be a string or an iterable of strings; got /)
  expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
})

test('a source address that is not here is told as such', async () => {
  const { message, hint } = await refusal(() => entry.connect({ host, port, localAddress: '192.0.2.77' }))
  expect(message).toBe('bind EADDRNOTAVAIL: address not available (192.0.2.77); no device here has this address')
  expect(hint).toBe('no device here has this address')
})

test.each(['events', 'pings', 'scanPorts', 'sweep', 'traceroute', 'watchDevices'])(
  '%s with a signal that fired before rejects where it is iterated, as with one that fires later',
  async name => {
    const before = await openSockets()
    const reason = new Error('before')
    const results = calls[name]!({ signal: AbortSignal.abort(reason) }) as AsyncIterableIterator<unknown>
    await expect(results.next()).rejects.toBe(reason)
    expect(await openSockets()).toBe(before)
  },
)

test('a URL that is none is told without being shown', async () => {
  const error = await refusal(() => entry.checkHttp('user:secret@example.com'))
  expect(error.message).toMatch(/http/)
  expect(error.message).not.toContain('secret')
})

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
])('a wrong value is told, of objects only the kind (%#)', async (timeout, words) => {
  const calling = entry.ping(host, as({ timeout }))
  await expect(calling).rejects.toThrow(new RegExp(`^ping: timeout must be .*; got ${words.replace(/[()]/g, '\\$&')}$`))
  await expect(entry.ping(host, [] as entry.PingOptions)).rejects.toThrow(
    'ping: options must be an object; got an array of 0',
  )
})
