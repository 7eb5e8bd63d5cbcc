import { execFile } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Dispatcher, request } from 'undici'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { isLost } from '../../src/group/race.js'
import { connect, listenProxy, UplinkGroup, UplinkMonitor } from '../../src/index.js'
import { lab, needs } from '../lab/index.js'
import { movedDuring } from './moved.js'

needs('dnsmasq', 'nft', 'curl')

const { address4: host, name } = lab.server
const port = 7040
const race = 250
const byWan2 = lab.wan2.address4

/** Answers each request with the client's address and the number of requests for this path. Answers `/slow` after 3 s. */
const server = `
  const requests = {}
  const { createServer } = require('node:http')
  createServer((request, response) => {
    const { url, socket } = request
    requests[url] = (requests[url] ?? 0) + 1
    const answer = () => response.end(socket.remoteAddress + ' ' + requests[url])
    if (url !== '/slow') return answer()
    response.writeHead(200).flushHeaders()
    setTimeout(answer, 3000)
  }).listen(${port}, '${host}', () => console.log('ready'))`

beforeAll(async () => {
  await once(lab.spawn('internet', process.execPath, '-e', server).stdout!, 'data')
})

async function start(interval = 1000, cutConnections = false) {
  const checks = [{ type: 'ping' as const, host }]
  const monitor = new UplinkMonitor({
    ...{ interval, timeout: 1000, up: 1 },
    uplinks: [
      { name: 'fibre', device: 'wan1', checks },
      { name: 'lte', device: 'wan2', priority: 2, checks },
    ],
  })
  const group = new UplinkGroup(monitor, { policy: 'failover', race, cutConnections })
  onTestFinished(() => monitor.stop())
  onTestFinished(() => group.close())
  monitor.start()
  const states = () => monitor.snapshot().uplinks.map(({ state }) => state)
  await expect.poll(states, { timeout: 5000 }).toEqual(['up', 'up'])
  return { monitor, group, states }
}

const silence = () => lab.fault('isp1', 'meta l4proto { tcp, udp, icmp } drop')

test('no dial fails while the preferred uplink is silently dead and still counts as up', async () => {
  const { group, states } = await start()
  silence()
  const dial = async () => {
    const begun = performance.now()
    const socket = await group.connect({ host, port, timeout: 5000 })
    const { localAddress } = socket
    socket.destroy()
    return { localAddress, ms: performance.now() - begun }
  }
  const dials = []
  for (let i = 0; i < 40; i++) {
    dials.push(dial())
    await wait(race)
  }
  const done = await Promise.allSettled(dials)
  const results = done.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  expect(results).toHaveLength(40)
  expect(new Set(results.map(({ localAddress }) => localAddress))).toEqual(new Set([byWan2]))
  const times = results.map(({ ms }) => ms).sort((a, b) => b - a)
  console.log(`40 dials: worst ${times[0]!.toFixed(0)} ms, then ${times[1]!.toFixed(0)} ms`)
  expect(times[0]).toBeLessThan(race + 500)
  // The first dial made the uplink suspect, so the others used the next uplink immediately.
  expect(times[20]).toBeLessThan(race / 2)
  expect(states()).toEqual(['down', 'up'])
})

test('healthy uplinks see no second handshake, and no other device is used', async () => {
  const { group } = await start(60_000)
  const moved = await movedDuring(async () => {
    for (let i = 0; i < 200; i++) (await group.connect({ host, port })).destroy()
  })
  expect(moved.wan1).toBeGreaterThan(600)
  // On a busy machine, a handshake may take longer than the race, which causes a few packets on the other uplink.
  expect(moved.wan2).toBeLessThan(12)
})

test('a suspect that answers again is used again', async () => {
  const { group } = await start(60_000)
  const device = async () => {
    const socket = await group.connect({ host, port })
    const { localAddress } = socket
    socket.destroy()
    return localAddress
  }
  const repair = silence()
  expect(await device()).toBe(byWan2)
  expect(group.pick().name).toBe('lte')
  repair()
  // Regular rounds are a minute apart, those of a suspect uplink a second.
  await expect.poll(() => group.pick().name, { timeout: 10_000 }).toBe('fibre')
  expect(await device()).toBe(lab.wan1.address4)
})

test('names, agents and dispatcher race too, and each request is sent once', async () => {
  const dns = await lab.dnsmasq()
  onTestFinished(() => dns.stop())
  const calls: Record<string, (group: UplinkGroup) => Promise<string>> = {
    resolve: async group => (await group.resolve(name, { family: 4 }))[0]!.address,
    agent: async group => {
      const [response] = await once(http.get({ host, port, path: '/agent', agent: group.httpAgent }), 'response')
      return (await response.toArray()).join('')
    },
    dispatcher: async group => {
      const { body } = await request(`http://${host}:${port}/dispatcher`, {
        dispatcher: group.dispatcher as Dispatcher,
      })
      return body.text()
    },
    fetch: async group => (await group.fetch(`http://${host}:${port}/fetch`)).text(),
  }
  for (const [call, run] of Object.entries(calls)) {
    const { group } = await start(60_000)
    const repair = silence()
    const begun = performance.now()
    expect(await run(group), call).toBe(call === 'resolve' ? host : `${byWan2} 1`)
    expect(performance.now() - begun, call).toBeLessThan(1500)
    repair()
  }
})

test('a request that moved to another uplink is not cut when the first goes down', async () => {
  const { monitor, group } = await start(500, true)
  silence()
  const down = once(monitor, 'state')
  const [agent, dispatcher] = [
    once(http.get({ host, port, path: '/slow', agent: group.httpAgent }), 'response'),
    request(`http://${host}:${port}/slow`, { dispatcher: group.dispatcher as Dispatcher }),
  ]
  const [[response], { body }] = await Promise.all([agent, dispatcher])
  const texts = [response.toArray(), body.text()] as const
  expect(await down).toMatchObject([{ uplink: 'fibre', to: 'down' }])
  expect((await texts[0]).join('')).toContain(byWan2)
  expect(await texts[1]).toContain(byWan2)
})

test('a proxy races for its clients', async () => {
  const { group } = await start(60_000)
  const proxy = await listenProxy({ port: 0, group })
  onTestFinished(() => proxy.close())
  const at = `http://127.0.0.1:${proxy.address().port}`
  silence()
  const args = ['-sS', '--noproxy', '', '--max-time', '3', '-x', at, `http://${host}:${port}/proxy`]
  expect((await promisify(execFile)('curl', args)).stdout).toBe(`${byWan2} 1`)
  expect(proxy.statistics.uplinks).toMatchObject({ lte: { connections: 1, failures: 0 } })
})

test('without a race, only what nothing was sent for goes on to the next uplink', async () => {
  const unused = lab.addDevice('unused')
  const failure = (device: string, host: string) => connect({ host, port: 9, device, timeout: 5000 }).catch(e => e)
  expect(isLost(await failure('unused', unused.gateway4))).toBe(false)
  lab.run('router', 'ip', 'link', 'set', 'unused', 'down')
  for (const near of [unused.gateway4, unused.gateway6]) expect(isLost(await failure('unused', near))).toBe(true)
  unused.remove()
  expect(isLost(await failure('unused', unused.gateway4))).toBe(true)
})
