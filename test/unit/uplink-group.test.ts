import { once } from 'node:events'
import http, { createServer, type Server } from 'node:http'
import https from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { request } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { UplinkGroup } from '../../src/group/group.js'
import type { GroupOptions } from '../../src/group/options.js'
import type { LinkFacts } from '../../src/monitor/link/link-fault.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { Outcome } from '../../src/monitor/state/state-machine.js'
import { decodeAddress } from '../../src/sockets/address.js'
import { openDescriptor } from '../../src/sockets/open.js'
import { a, fakeServer } from './dns-fake-server.js'
import { runnersOf } from './monitor-world.js'

const ok: Outcome = { ok: true, local: false, latencyMs: 10, error: null }

let server: Server
let port: number
const sockets = new Set<Socket>()
const hanging: http.ServerResponse[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/hang') hanging.push(response.writeHead(200).on('error', () => {}))
    else response.end(request.socket.remoteAddress)
    if (request.url === '/hang') response.flushHeaders()
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const group of open.splice(0)) await group.close()
  for (const response of hanging.splice(0)) response.destroy()
  await expect.poll(() => sockets.size).toBe(0)
})

/** Two uplinks over loopback with different source addresses. The test sets their states. */
async function groupOf(options: Partial<GroupOptions> = {}, one = '127.0.0.11') {
  let tell: (device: string, facts: LinkFacts) => void
  const states = { one, two: '127.0.0.12' }
  const uplinks = Object.entries(states).map(([name, localAddress], index) => ({
    name,
    // The device is only a name for the fake link watch.
    ...{ localAddress, device: 'lo', priority: index + 1 },
    checks: [{ type: 'ping' as const, host: '127.0.0.1' }],
  }))
  const answers: Record<string, Outcome> = {}
  const monitor = new UplinkMonitor(
    // One answer disproves any loss, because these tests are only about groups.
    {
      uplinks,
      interval: 10,
      up: 1,
      down: 1,
      loss: { enter: 1, leave: 0.9 },
      damping: { suppress: 100, reuse: 1, halfLife: 1000 },
    },
    {
      makeRunner: runnersOf(async (_check, path) => answers[path.localAddress!] ?? ok),
      watchLinks: (_devices, onFacts) => {
        tell = onFacts
        return () => {}
      },
    },
  )
  const group = new UplinkGroup(monitor, { policy: 'failover', ...options })
  const set = async (name: keyof typeof states, up: boolean) => {
    const answer: Outcome = up ? ok : { ok: false, local: false, latencyMs: null, error: 'timeout' }
    answers[states[name]] = answer
    await expect.poll(() => stateOf(monitor, name)).toBe(up ? 'up' : 'down')
  }
  monitor.start()
  open.push({
    async close() {
      await group.close()
      await monitor.stop()
    },
  })
  await set('one', true)
  await set('two', true)
  return { monitor, group, set, allDown: () => tell('lo', { fault: 'no carrier', lost: [] }) }
}

const stateOf = (monitor: UplinkMonitor, name: string) =>
  monitor.snapshot().uplinks.find(uplink => uplink.name === name)!.state

async function get(agent: http.Agent, path = '/'): Promise<string> {
  const sent = http.get({ host: '127.0.0.1', port, path, agent })
  // Node emits connection errors on the request even after the response has started.
  sent.on('error', () => {})
  const [response] = await once(sent, 'response')
  return (await response.toArray()).join('')
}

describe('picks', () => {
  test('return all that a netvia call needs, and follow the states', async () => {
    const { group, set } = await groupOf()
    expect(group.pick()).toEqual({
      name: 'one',
      state: 'up',
      device: 'lo',
      path: { device: 'lo', localAddress: '127.0.0.11' },
      priority: 1,
      weight: 1,
    })
    await set('one', false)
    expect(group.pick().name).toBe('two')
    await set('one', true)
    expect(group.pick().name).toBe('one')
  })

  test('with all down: an error with the reason, or the least bad uplink', async () => {
    const { group, allDown } = await groupOf()
    allDown()
    expect(() => group.pick()).toThrow('no uplink works: one (no carrier), two (no carrier)')
    await expect(group.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ERR_NO_UPLINK' })
    await expect(get(group.httpAgent)).rejects.toMatchObject({ code: 'ERR_NO_UPLINK' })
    await expect(group.fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'ERR_NO_UPLINK' })
    await expect(request(`http://127.0.0.1:${port}/`, { dispatcher: group.dispatcher })).rejects.toMatchObject({
      code: 'ERR_NO_UPLINK',
    })
    const lenient = await groupOf({ whenAllDown: 'least-bad' })
    lenient.allDown()
    expect(lenient.group.pick()).toMatchObject({ name: 'one', state: 'down' })
  })

  test('use an uplink before any evidence', () => {
    const uplinks = [{ name: 'one', checks: [{ type: 'ping' as const, host: '127.0.0.1' }] }]
    expect(new UplinkGroup(new UplinkMonitor({ uplinks }), { policy: 'failover' }).pick().state).toBe('unknown')
  })
})

describe('connections', () => {
  const calls: [name: string, call: (group: UplinkGroup) => Promise<string>][] = [
    ['connect', async (group: UplinkGroup) => addressOf(await group.connect({ host: '127.0.0.1', port }))],
    ['httpAgent', (group: UplinkGroup) => get(group.httpAgent)],
    ['fetch', async (group: UplinkGroup) => (await group.fetch(`http://127.0.0.1:${port}/`)).text()],
    [
      'dispatcher',
      async ({ dispatcher }: UplinkGroup) => (await request(`http://127.0.0.1:${port}/`, { dispatcher })).body.text(),
    ],
  ]

  test.each(calls)("of %s use another uplink if the picked one's address is gone", async (_name, call) => {
    const { group } = await groupOf({}, '192.0.2.7')
    for (let i = 0; i < 2; i++) expect(await call(group)).toBe('127.0.0.12')
  })

  test('report the answer of the network, and not that of another uplink', async () => {
    const { group } = await groupOf()
    const refused = group.connect({ host: '127.0.0.1', port: 9 })
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED', message: expect.not.stringContaining('more') })
    const lost = await groupOf({}, '192.0.2.7')
    await lost.set('two', false)
    await expect(lost.group.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
    })
  })

  test('of name resolution use another uplink too', async () => {
    const dns = await fakeServer(() => ({ answers: [a('name.example', '192.0.2.1')] }))
    const { group } = await groupOf({}, '192.0.2.7')
    const found = await group.resolve('name.example', { servers: [dns.server], family: 4 })
    dns.close()
    expect(found).toMatchObject([{ address: '192.0.2.1' }])
  })

  test.each(calls)('of %s are refused once the group is closed', async (_name, call) => {
    const { group } = await groupOf()
    await group.close()
    await expect(call(group)).rejects.toMatchObject({ code: 'ERR_INVALID_STATE', message: 'the group is closed' })
    expect(() => group.pick()).toThrow('the group is closed')
    await expect(group.resolve('127.0.0.1')).rejects.toThrow('the group is closed')
  })

  test.each(calls)('of %s use the working uplink, chosen each time', async (_name, call) => {
    const { group, set } = await groupOf()
    expect(await call(group)).toBe('127.0.0.11')
    expect(await call(group)).toBe('127.0.0.11')
    await set('one', false)
    expect(await call(group)).toBe('127.0.0.12')
    await set('one', true)
    expect(await call(group)).toBe('127.0.0.11')
    await set('two', false)
    expect(await call(group)).toBe('127.0.0.11')
  })

  function addressOf(socket: Socket): string {
    const { localAddress } = socket
    socket.destroy()
    return localAddress!
  }

  test('are distributed by weight, request by request', async () => {
    const { group } = await groupOf({ policy: 'weighted' })
    const from: string[] = []
    for (let i = 0; i < 6; i++) from.push(await get(group.httpAgent))
    expect(from.filter(address => address === '127.0.0.11')).toHaveLength(3)
  })

  test('are kept alive, with one pool per uplink, and idle ones end with their uplink', async () => {
    const { group, set } = await groupOf()
    for (let i = 0; i < 5; i++) await get(group.httpAgent)
    for (let i = 0; i < 5; i++) await (await group.fetch(`http://127.0.0.1:${port}/`)).text()
    const from = () => [...sockets].filter(({ remoteAddress }) => remoteAddress === '127.0.0.11').length
    // undici may open a second connection before the first is free again.
    expect(from()).toBeLessThan(4)
    await set('one', false)
    await expect.poll(from).toBe(0)
  })

  test('stay open when their uplink goes down', async () => {
    const { group, set } = await groupOf()
    const socket = await group.connect({ host: '127.0.0.1', port })
    const busy = [get(group.httpAgent, '/hang'), group.fetch(`http://127.0.0.1:${port}/hang`).then(r => r.text())]
    await expect.poll(() => hanging.length).toBe(2)
    await set('one', false)
    for (const response of hanging) response.end('done')
    expect(await Promise.all(busy)).toEqual(['done', 'done'])
    expect(socket.destroyed).toBe(false)
    socket.destroy()
  })

  test('are cut if configured', async () => {
    const { group, set } = await groupOf({ cutConnections: true })
    const socket = await group.connect({ host: '127.0.0.1', port })
    const busy = [
      once(socket, 'close'),
      get(group.httpAgent, '/hang'),
      group.fetch(`http://127.0.0.1:${port}/hang`).then(r => r.text()),
    ]
    const settled = Promise.allSettled(busy)
    await expect.poll(() => hanging.length).toBe(2)
    await set('one', false)
    const results = await settled
    for (const result of results) expect(result.status).toBe('rejected')
    expect((results[0] as PromiseRejectedResult).reason).toMatchObject({
      code: 'ERR_UPLINK_DOWN',
      message: 'uplink one went down: 1 bad round in a row: ping 127.0.0.1: timeout',
    })
    await expect.poll(() => [...sockets].filter(({ remoteAddress }) => remoteAddress === '127.0.0.11').length).toBe(0)
  })

  test('are not cut until there is a better uplink', async () => {
    const { group, set } = await groupOf({ cutConnections: true })
    await set('two', false)
    const socket = await group.connect({ host: '127.0.0.1', port })
    const fault = once(socket, 'error')
    await set('one', false)
    expect(socket.destroyed).toBe(false)
    await set('two', true)
    expect((await fault)[0]).toMatchObject({ code: 'ERR_UPLINK_DOWN' })
  })

  test('survive if their uplink is back before any other', async () => {
    const { group, set } = await groupOf({ cutConnections: true })
    await set('two', false)
    const socket = await group.connect({ host: '127.0.0.1', port })
    await set('one', false)
    await set('one', true)
    await set('two', true)
    expect(socket.destroyed).toBe(false)
    socket.destroy()
    await once(socket, 'close')
  })

  test('are moved back if configured', async () => {
    const { group, set } = await groupOf({ failback: 'never' })
    await set('one', false)
    const socket = await group.connect({ host: '127.0.0.1', port })
    const fault = once(socket, 'error')
    const busy = get(group.httpAgent, '/hang')
    await expect.poll(() => hanging.length).toBe(1)
    await set('one', true)
    expect(group.pick().name).toBe('two')
    expect(group.moveBack().name).toBe('one')
    expect(group.pick().name).toBe('one')
    expect((await fault)[0]).toMatchObject({ code: 'ERR_UPLINK_LEFT', message: 'uplink two was left for one' })
    for (const response of hanging.splice(0)) response.end('done')
    expect(await busy).toBe('done')
  })

  test('in progress are cut as well', async () => {
    const { group, set } = await groupOf({ cutConnections: true })
    const full = await backlogged()
    const connecting = group.connect({ host: '127.0.0.1', port: full.port })
    const requested = once(http.get({ host: '127.0.0.1', port: full.port, agent: group.httpAgent }), 'response')
    const settled = Promise.allSettled([connecting, requested])
    await set('one', false)
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_UPLINK_DOWN' } })
    }
    full.close()
  })

  test('in progress end with the signal', async () => {
    const { group } = await groupOf()
    const full = await backlogged()
    const connecting = group.connect({ host: '127.0.0.1', port: full.port, signal: AbortSignal.timeout(50) })
    await expect(connecting).rejects.toMatchObject({ name: 'TimeoutError' })
    full.close()
  })

  test('to a name resolve it over the uplink too', async () => {
    const { group } = await groupOf()
    expect(await group.resolve('127.0.0.1')).toMatchObject([{ address: '127.0.0.1' }])
  })

  test('over https have an agent as well', async () => {
    const { group } = await groupOf()
    const sent = https.get({ host: '127.0.0.1', port, agent: group.httpsAgent, rejectUnauthorized: false })
    await expect(once(sent, 'response')).rejects.toThrow(/wrong version number|packet length|EPROTO/)
  })

  test('of a closed group are closed', async () => {
    const { group, monitor } = await groupOf()
    await get(group.httpAgent)
    await (await group.fetch(`http://127.0.0.1:${port}/`)).text()
    await group.close()
    await expect.poll(() => sockets.size).toBe(0)
    expect(monitor.listenerCount('state')).toBe(0)
  })
})

describe('options', () => {
  const monitor = new UplinkMonitor({ uplinks: [{ name: 'one', checks: [{ type: 'ping', host: '127.0.0.1' }] }] })

  test.each([
    [() => new UplinkGroup({} as never, { policy: 'failover' }), 'UplinkGroup: monitor must be an UplinkMonitor'],
    [() => new UplinkGroup(monitor, {} as never), 'UplinkGroup: policy must be one of'],
    [() => new UplinkGroup(monitor, { policy: 'random' as never }), 'UplinkGroup: policy must be one of'],
    [
      () => new UplinkGroup(monitor, { policy: 'sticky', failback: 'now' }),
      'failback must be left out with policy sticky',
    ],
    [() => new UplinkGroup(monitor, { policy: 'failover', failback: -1 }), 'UplinkGroup: failback must be'],
    [() => new UplinkGroup(monitor, { policy: 'sticky', cut: true } as never), 'UplinkGroup: unknown option "cut"'],
  ])('invalid ones are refused: %s', (create, message) => {
    expect(create).toThrow(message)
  })

  test('a path of its own is refused, not ignored', async () => {
    const group = new UplinkGroup(monitor, { policy: 'sticky' })
    const path = { device: 'wan2' } as object
    await expect(group.connect({ host: 'a', port: 1, ...path })).rejects.toThrow('unknown option "device"')
    await expect(group.resolve('a', path)).rejects.toThrow('unknown option "device"')
    await expect(group.fetch('http://a/', path)).rejects.toThrow('unknown option "device"')
  })
})

/** A listener that never accepts, with a full queue. Connections to it stay pending. */
async function backlogged(): Promise<{ port: number; close(): void }> {
  const fd = openDescriptor(4, 'stream', 0, { localAddress: '127.0.0.1' }, 0)
  addon().listen(fd, 0)
  const bytes = new Uint8Array(128)
  const { port } = decodeAddress(bytes.subarray(0, addon().getsockname(fd, bytes)))!
  const first = connect(port, '127.0.0.1')
  await once(first, 'connect')
  return {
    port,
    close() {
      first.destroy()
      addon().close(fd)
    },
  }
}
