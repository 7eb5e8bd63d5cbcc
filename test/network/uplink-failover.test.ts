import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dispatcher, request } from 'undici'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { UplinkGroup } from '../../src/group/group.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { MonitorOptions } from '../../src/monitor/options.js'
import type { StateEvent } from '../../src/monitor/record/event-types.js'
import { onDeviceChange } from '../../src/system/netlink/changes.js'
import { httpServer, lab, needs } from '../lab/index.js'

const running: UplinkMonitor[] = []
afterEach(async () => {
  for (const monitor of running.splice(0)) await monitor.stop()
})

async function watch(changed: Partial<MonitorOptions> = {}) {
  const target = lab.server.address4
  const monitor = new UplinkMonitor({
    interval: 100,
    timeout: 300,
    uplinks: [
      { name: 'fibre', device: 'wan1', priority: 1, checks: [{ type: 'ping', host: target }] },
      { name: 'lte', device: 'wan2', priority: 2, checks: [{ type: 'ping', host: target }] },
    ],
    ...changed,
  })
  const events: StateEvent[] = []
  monitor.on('state', event => events.push(event))
  running.push(monitor)
  monitor.start()
  await expect.poll(() => states(monitor), { timeout: 5000 }).toEqual(['up', 'up'])
  return { monitor, events }
}

const states = (monitor: UplinkMonitor) => monitor.snapshot().uplinks.map(({ state }) => state)

/** Runs a command without blocking this process as lab.run would, because the time of events is measured. */
async function run(host: Parameters<typeof lab.spawn>[0], ...command: [string, ...string[]]): Promise<void> {
  const [code] = await once(lab.spawn(host, ...command), 'exit')
  expect(code).toBe(0)
}

async function nextEvent(monitor: UplinkMonitor): Promise<StateEvent> {
  const [event] = await once(monitor, 'state', { signal: AbortSignal.timeout(10_000) })
  return event
}

test('a NAT or firewall that drops the flow of the pings for as long as they come takes no uplink down', async () => {
  const { events } = await watch()
  // It knows the flows of before, and lets new ones pass.
  const nft = (...command: string[]) => lab.run('isp1', 'nft', command.join(' '))
  nft('add table ip nat; add set ip nat flows { typeof ip daddr . icmp id; size 4096; flags dynamic; }')
  onTestFinished(() => void nft('delete table ip nat'))
  nft('add chain ip nat passing { type filter hook forward priority 0; }')
  nft('add rule ip nat passing icmp type echo-request add @flows { ip daddr . icmp id }')
  await expect.poll(() => nft('list set ip nat flows')).toContain('elements')
  nft(
    'flush chain ip nat passing; add rule ip nat passing icmp type echo-request ip daddr . icmp id @flows counter drop',
  )
  await sleep(3000)
  expect(nft('list chain ip nat passing')).toMatch(/packets [1-9]/)
  expect(events.filter(({ to }) => to === 'down')).toEqual([])
})

describe('the link', () => {
  const unplug = () => run('isp1', 'ip', 'link', 'set', 'customer', 'down')
  const plug = () => run('isp1', 'ip', 'link', 'set', 'customer', 'up')

  test('a pulled cable takes the uplink down immediately, without waiting for checks', async () => {
    const damping = { suppress: 100, reuse: 1, halfLife: 1000 }
    const { monitor } = await watch({ interval: 10_000, recoveryInterval: 20, failureInterval: 5000, damping })
    const delays: number[] = []
    for (let i = 0; i < 5; i++) {
      const down = nextEvent(monitor)
      // This includes the start of ip(8).
      const pulled = Date.now()
      await unplug()
      expect(await down).toMatchObject({ uplink: 'fibre', from: 'up', to: 'down', reason: 'no carrier' })
      delays.push((await down).at - pulled)
      const up = nextEvent(monitor)
      await plug()
      expect(await up).toMatchObject({ uplink: 'fibre', from: 'down', to: 'up', reason: '3 good rounds in a row' })
    }
    console.log(`pulled -> down: ${delays.join(', ')} ms`)
    // About 20 ms on an idle machine, mostly for ip(8). The next round of checks would come up to 10 s later.
    expect(delays.toSorted((a, b) => a - b)[2]).toBeLessThan(1000)
  })

  test('so does a lost address, until there is a new one', async () => {
    const { monitor } = await watch({ interval: 10_000, recoveryInterval: 20 })
    const address = `${lab.wan2.address4}/24`
    const down = nextEvent(monitor)
    await run('router', 'ip', 'address', 'delete', address, 'dev', 'wan2')
    expect(await down).toMatchObject({ uplink: 'lte', to: 'down', reason: 'no IPv4 address any more' })
    const up = nextEvent(monitor)
    await run('router', 'ip', 'address', 'add', address, 'dev', 'wan2')
    await run('router', 'ip', 'route', 'add', 'default', 'via', lab.wan2.gateway4, 'dev', 'wan2', 'metric', '200')
    expect(await up).toMatchObject({ uplink: 'lte', to: 'up' })
  })

  test('changes lost by an overrun of the netlink socket are read again', async () => {
    const { monitor } = await watch({ interval: 10_000, recoveryInterval: 20 })
    const { device } = lab.addDevice('storm2')
    let overruns = 0
    onTestFinished(
      onDeviceChange(({ type }) => {
        if (type === 'overrun') overruns++
      }),
    )
    const routes = Array.from({ length: 6000 }, (_, i) => `route add 10.90.${i >> 8}.${i & 255}/32 dev ${device}`)
    const file = join(lab.folder, 'storm')
    // The address is removed when the socket is already full, so its removal isn't reported.
    writeFileSync(file, [...routes, `address delete ${lab.wan2.address4}/24 dev wan2`].join('\n'))
    const down = nextEvent(monitor)
    // This blocks the event loop.
    lab.run('router', 'ip', '-batch', file)
    expect(await down).toMatchObject({ uplink: 'lte', from: 'up', to: 'down' })
    expect(overruns).toBe(1)
    lab.run('router', 'ip', 'address', 'add', `${lab.wan2.address4}/24`, 'dev', 'wan2')
    lab.run('router', 'ip', 'route', 'replace', 'default', 'via', lab.wan2.gateway4, 'dev', 'wan2', 'metric', '200')
  })

  test('so does a deleted device, until it is created again', async () => {
    const device = lab.addDevice('tmp0')
    const check = { type: 'ping', host: lab.server.address4 } as const
    const monitor = new UplinkMonitor({ interval: 50, uplinks: [{ name: 'usb', device: 'tmp0', checks: [check] }] })
    running.push(monitor)
    const up = nextEvent(monitor)
    monitor.start()
    expect(await up).toMatchObject({ to: 'up' })
    const down = nextEvent(monitor)
    device.remove()
    expect(await down).toMatchObject({ from: 'up', to: 'down', reason: expect.stringMatching(/deleted|off|carrier/) })
    await expect.poll(() => monitor.snapshot().uplinks[0]!.reason).toBe('device deleted')
    const again = nextEvent(monitor)
    lab.addDevice('tmp0')
    expect(await again).toMatchObject({ from: 'down', to: 'up' })
  })
})

describe('the network behind it', () => {
  needs('nft')

  test('a silent upstream takes only its uplink down, after `down` rounds', async () => {
    const { monitor, events } = await watch({ failureInterval: 50, recoveryInterval: 50 })
    const down = nextEvent(monitor)
    const repair = lab.fault('isp1', 'icmp type echo-request drop')
    const silent = Date.now()
    const { at, ...event } = await down
    expect(event).toEqual({
      uplink: 'fibre',
      from: 'up',
      to: 'down',
      reason: `3 bad rounds in a row: ping ${lab.server.address4}: timeout`,
    })
    // One interval until the first failing check, then three timeouts of 300 ms.
    expect(at - silent).toBeGreaterThan(800)
    expect(at - silent).toBeLessThan(2000)
    expect(monitor.snapshot().uplinks.map(({ lossRatio }) => lossRatio! > 0)).toEqual([true, false])
    const back = nextEvent(monitor)
    repair()
    expect(await back).toMatchObject({ uplink: 'fibre', to: 'degraded', reason: /must answer \d+ more times/ })
    expect(await nextEvent(monitor)).toMatchObject({ uplink: 'fibre', from: 'degraded', to: 'up' })
    expect(events.filter(({ uplink }) => uplink === 'lte')).toHaveLength(1)
  })

  test('a rejecting upstream does so as fast, and the reason names the router', async () => {
    const { monitor } = await watch({ failureInterval: 50 })
    const down = nextEvent(monitor)
    const repair = lab.fault('isp2', 'meta l4proto icmp icmp type echo-request reject with icmp type admin-prohibited')
    expect((await down).reason).toMatch(/^3 bad rounds in a row: ping [\d.]+: .*prohibited.* \(from [\d.]+\)$/i)
    repair()
  })

  test('some loss degrades it', async () => {
    const { monitor } = await watch({ interval: 20, down: 30, window: 2000, loss: { enter: 0.3, leave: 0.05 } })
    const degraded = nextEvent(monitor)
    const repair = lab.fault('isp1', 'icmp type echo-request numgen inc mod 2 == 0 drop')
    expect(await degraded).toMatchObject({ uplink: 'fibre', from: 'up', to: 'degraded', reason: /^loss \d/ })
    const up = nextEvent(monitor)
    repair()
    expect(await up).toMatchObject({ from: 'degraded', to: 'up' })
  })
})

describe('failover', () => {
  needs('nginx')

  test('of HTTP traffic at 200 requests a second: only requests in flight when the cable is pulled fail', async () => {
    const server = await lab.nginx(httpServer('location / { return 200 "$remote_addr"; }'))
    const { monitor } = await watch()
    await using group = new UplinkGroup(monitor, { policy: 'failover', cutConnections: true })
    const agent = group.httpAgent
    const results: { sent: number; from?: string; error?: Error; done: number }[] = []
    const get = async () => {
      const result: (typeof results)[number] = { sent: performance.now(), done: Number.POSITIVE_INFINITY }
      results.push(result)
      // Node emits connection errors on the request even after the response has started.
      const request = http.get({ host: lab.server.address4, agent }).on('error', () => {})
      try {
        const [response] = await once(request, 'response')
        result.from = (await response.toArray()).join('')
      } catch (error) {
        result.error = error as Error
      }
      result.done = performance.now()
    }
    const answeredOver = (address: string) => () => results.filter(({ from }) => from === address).length
    const timer = setInterval(get, 5)
    await expect.poll(answeredOver(lab.wan1.address4), { timeout: 20_000 }).toBeGreaterThan(50)
    const before = lab.counters('wan2').txPackets
    const down = once(monitor, 'state').then(() => performance.now())
    const pulled = performance.now()
    await run('isp1', 'ip', 'link', 'set', 'customer', 'down')
    const known = await down
    await expect.poll(answeredOver(lab.wan2.address4), { timeout: 20_000 }).toBeGreaterThan(100)
    clearInterval(timer)
    await expect.poll(() => results.every(({ done }) => Number.isFinite(done)), { timeout: 20_000 }).toBe(true)
    await run('isp1', 'ip', 'link', 'set', 'customer', 'up')

    const failed = results.filter(({ error }) => error)
    const first = results.find(({ from, sent }) => from === lab.wan2.address4 && sent > pulled)!
    console.log(
      `pulled -> down ${(known - pulled).toFixed(1)} ms, -> first success on wan2 ${(first.done - pulled).toFixed(1)} ms; ` +
        `${failed.length} of ${results.length} requests failed`,
    )
    // Each failed request was sent before the monitor knew, and was unfinished when the cable was pulled.
    for (const { sent, done } of failed) {
      expect(sent).toBeLessThan(known)
      expect(done).toBeGreaterThan(pulled)
    }
    for (const { sent, from } of results) {
      if (sent > known) expect(from).toBe(lab.wan2.address4)
      else if (from) expect([lab.wan1.address4, lab.wan2.address4]).toContain(from)
    }
    expect(lab.counters('wan2').txPackets).toBeGreaterThan(before)
    await server.stop()
  })

  test('after a new configuration, the pools of an uplink use its new device', async () => {
    const server = await lab.nginx(httpServer('location / { return 200 "$remote_addr"; }'))
    const { monitor } = await watch()
    await using group = new UplinkGroup(monitor, { policy: 'failover' })
    const host = lab.server.address4
    const origin = `http://${host}`
    const seen = async () => {
      const [response] = await once(http.get({ host, agent: group.httpAgent }), 'response')
      const { body } = await request(origin, { dispatcher: group.dispatcher as Dispatcher })
      return [(await response.toArray()).join(''), await body.text(), await (await group.fetch(origin)).text()]
    }
    // The second time uses the kept connections.
    expect([await seen(), await seen()].flat()).toEqual(Array(6).fill(lab.wan1.address4))
    const checks = [{ type: 'ping', host } as const]
    await monitor.configure({ interval: 100, timeout: 300, uplinks: [{ name: 'fibre', device: 'wan2', checks }] })
    await expect.poll(() => states(monitor), { timeout: 5000 }).toEqual(['up'])
    expect([await seen(), await seen()].flat()).toEqual(Array(6).fill(lab.wan2.address4))
    await server.stop()
  })
})
