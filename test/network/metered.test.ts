import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect, UplinkMonitor } from '../../src/index.js'
import type { StateEvent } from '../../src/monitor/record/event-types.js'
import { parseIP } from '../../src/sockets/ip.js'
import { leavesBy, readLink } from '../../src/system/netlink/tables.js'
import { lab, needs } from '../lab/index.js'

needs('nft', 'tcpdump')

const { address4: host, address6 } = lab.server
const port = 7045
/** IPv4 header, ICMP header and payload, for the request and the reply. */
const pingBytes = 2 * (20 + 8 + 56)
/** A quota that allows a ping every `idle` ms on an idle line, which uses four fifths of the quota. */
const quotaFor = (idle: number) => ({ quota: 1000 * pingBytes, period: 800 * idle })

/** A server that sends a byte every 20 ms on each connection, and discards what it receives. */
const server = `
  require('node:net').createServer(socket => {
    const timer = setInterval(() => socket.write('.'), 20)
    socket.resume().on('error', () => {}).on('close', () => clearInterval(timer))
  }).listen(${port}, '::', () => console.log('ready'))`
/** Broadcasts from a neighbour, which arrive although nothing else does. */
const noise = `
  const socket = require('node:dgram').createSocket('udp4').bind(0, () => {
    socket.setBroadcast(true)
    setInterval(() => socket.send('noise', 9999, '198.51.100.255'), 20)
    console.log('ready')
  })`

beforeAll(() => program('internet', server))

async function program(where: 'internet' | 'isp2', text: string): Promise<void> {
  await once(lab.spawn(where, process.execPath, '-e', text).stdout!, 'data')
}

async function start(idle: number) {
  const monitor = new UplinkMonitor({
    ...{ interval: 100, timeout: 1000, up: 1 },
    uplinks: [{ name: 'lte', device: 'wan2', checks: [{ type: 'ping', host }], metered: quotaFor(idle) }],
  })
  onTestFinished(() => monitor.stop())
  monitor.start()
  await expect.poll(() => monitor.snapshot().uplinks[0]!.state, { timeout: 5000 }).toBe('up')
  return { monitor, uplink: () => monitor.snapshot().uplinks[0]! }
}

async function stream(to: string) {
  const socket = await connect({ host: to, port, device: 'wan2' })
  const timer = setInterval(() => socket.write('.'), 20)
  onTestFinished(() => {
    clearInterval(timer)
    socket.destroy()
  })
  socket.resume().on('error', () => {})
}

/** The times of the pings, in ms. */
async function pingsDuring(ms: number): Promise<number[]> {
  const capture = await lab.capture('wan2', 'icmp[icmptype] == icmp-echo')
  await wait(ms)
  return (await capture.stop()).map(({ timeMs }) => timeMs)
}

const silence = () => lab.fault('isp2', 'meta l4proto { tcp, udp, icmp, icmpv6 } drop')

async function nextDown(monitor: UplinkMonitor): Promise<StateEvent> {
  const [event] = await once(monitor, 'state', { signal: AbortSignal.timeout(10_000) })
  expect(event).toMatchObject({ uplink: 'lte', from: 'up', to: 'down' })
  return event
}

test.each([host, address6])(
  'no probe is sent while a TCP stream to %s flows, and its silence is reported soon',
  async to => {
    const { monitor, uplink } = await start(2000)
    await stream(to)
    await expect.poll(() => uplink().metered!.evidence, { timeout: 10_000 }).toBe('traffic')
    await program('isp2', noise)
    expect(await pingsDuring(2500)).toEqual([])
    expect(uplink()).toMatchObject({ state: 'up', metered: { evidence: 'traffic' } })
    const down = nextDown(monitor)
    silence()
    const silent = Date.now()
    const { at } = await down
    console.log(`silent -> down: ${at - silent} ms`)
    expect(at - silent).toBeLessThan(5000)
  },
)

test('an idle line is probed at the pace of its quota, and what that costs is counted', async () => {
  const { uplink } = await start(300)
  const before = uplink().metered!.spentBytes
  const times = await pingsDuring(2000)
  const spent = (uplink().metered!.spentBytes - before) / pingBytes
  expect(uplink().metered).toMatchObject({ evidence: 'probe', idleIntervalMs: 300, quota: 1000 * pingBytes })
  const pauses = times.slice(1).map((time, index) => time - times[index]!)
  const middle = pauses.sort((a, b) => a - b)[pauses.length >> 1]
  expect(middle).toBeGreaterThan(200)
  expect(middle).toBeLessThan(600)
  // The counter sees slightly more than tcpdump.
  expect(spent).toBeGreaterThanOrEqual(times.length - 1)
})

test('broadcasts alone prove nothing: a silent line goes down and stays down', async () => {
  const { monitor, uplink } = await start(300)
  await program('isp2', noise)
  const down = nextDown(monitor)
  const { rxPackets } = lab.counters('wan2')
  silence()
  await down
  await wait(500)
  expect(lab.counters('wan2').rxPackets - rxPackets).toBeGreaterThan(20)
  expect(uplink()).toMatchObject({ state: 'down', metered: { evidence: 'probe' } })
})

test('a connection counts for the device that its packets use, not for its source address', () => {
  const [wan1, wan2] = [readLink('wan1')!.index, readLink('wan2')!.index]
  const remote = parseIP(host)
  const source = parseIP(lab.wan2.address4)
  expect(leavesBy(remote, wan2, { source })).toBe(false)
  expect(leavesBy(remote, wan1, { source })).toBe(true)
  expect(leavesBy(remote, wan2, { deviceIndex: wan2 })).toBe(true)
  expect(leavesBy(source, wan2, {})).toBe(false)
})
