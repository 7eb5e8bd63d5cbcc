import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { PortSweepResult } from '../../src/scan/port-sweep.js'
import type { ScanOptions } from '../../src/scan/scan-ports.js'
import { sweepPorts } from '../../src/scan/sweep-ports.js'
import { lab, needs } from '../lab/index.js'
import { movedDuring, resetsOfNoSocket } from './moved.js'

const descriptors = () => readdirSync('/proc/self/fd').length

/** Every address in 10.64.0.0/16 accepts connections to these ports. */
const openPorts = [22, 443]
const ports = [22, 443, 8080]

beforeAll(async () => {
  const program = `
    const servers = ${JSON.stringify(openPorts)}.map(port => new Promise(resolve =>
      require('node:net').createServer(socket => socket.on('error', () => {})).listen(port, '::', resolve)))
    Promise.all(servers).then(() => console.log('ready'))`
  const child = lab.spawn('internet', process.execPath, '-e', program)
  for await (const line of createInterface(child.stdout!)) if (line === 'ready') return
})

async function collect(targets: string | string[], options: ScanOptions): Promise<PortSweepResult[]> {
  const results: PortSweepResult[] = []
  for await (const result of sweepPorts(targets, options)) results.push(result)
  return results
}

const count = (results: PortSweepResult[], test: (result: PortSweepResult) => boolean) => results.filter(test).length
const ofHosts = (first: number, last: number) => (result: PortSweepResult) => {
  const host = Number(result.host.split('.').at(-1))
  return host >= first && host <= last
}

describe('sweepPorts', () => {
  needs('nft')

  it('distinguishes open, closed and filtered on many hosts, each pair once', async () => {
    lab.fault('isp1', 'ip daddr 10.64.1.64/26 drop')
    lab.fault('isp1', 'ip daddr 10.64.1.128/26 tcp dport 443 reject with icmp type admin-prohibited')
    lab.fault('internet', 'ip daddr 10.64.1.192/26 tcp dport 22 reject with tcp reset')
    const results = await collect('10.64.1.0/24', { ports, timeout: 2000 })
    expect(new Set(results.map(({ host, port }) => `${host}:${port}`)).size).toBe(254 * 3)
    expect(results.length).toBe(254 * 3)
    const states = (first: number, last: number) =>
      ports.map(port => {
        const found = results.filter(result => result.port === port && ofHosts(first, last)(result))
        return [...new Set(found.map(({ state, code }) => (code ? `${state} ${code}` : state)))].join()
      })
    expect(states(1, 63)).toEqual(['open', 'open', 'closed'])
    expect(states(64, 127)).toEqual(['filtered', 'filtered', 'filtered'])
    expect(states(128, 191)).toEqual(['open', 'filtered EHOSTUNREACH', 'closed'])
    expect(states(192, 254)).toEqual(['closed', 'open', 'closed'])
  })

  it('takes addresses of both families and names, and uses its device only', async () => {
    const moved = await movedDuring(async () => {
      const targets = [lab.server.address6, '10.64.2.1-10.64.2.9', 'localhost']
      const results = await collect(targets, { ports: '443', device: 'wan2', timeout: 3000 })
      expect(count(results, ({ state }) => state === 'open')).toBe(10)
      expect(results.find(({ host }) => host === lab.server.address6)).toMatchObject({ state: 'open', port: 443 })
      // A host may repeat its SYN-ACK after the connection was closed.
    }, resetsOfNoSocket)
    expect(moved.wan1).toBe(0)
  })

  it('skips the other ports of hosts that are reported unreachable, and no other ports', async () => {
    lab.fault('isp1', 'ip daddr 10.64.3.0/28 reject with icmp type host-unreachable')
    // Many firewalls answer with host-prohibited by default. It has the same errno, but says nothing about other ports.
    lab.fault('isp1', 'ip daddr 10.64.3.16/28 tcp dport != 443 reject with icmp type host-prohibited')
    const list = '1-20,443'
    const results = await collect('10.64.3.0-10.64.3.31', { ports: list, concurrency: 8, timeout: 3000 })
    expect(results.length).toBe(32 * 21)
    const gone = results.filter(ofHosts(0, 15))
    expect(count(gone, ({ state, code }) => state === 'unsent' && code === 'EHOSTUNREACH')).toBeGreaterThan(16 * 15)
    expect(count(gone, ({ state }) => state === 'filtered')).toBeGreaterThanOrEqual(16 * 2)
    expect(gone.find(({ state }) => state === 'unsent')!.error!.hint).toMatch(/unreachable/)
    const guarded = results.filter(ofHosts(16, 31))
    expect(count(guarded, ({ state, code }) => state === 'filtered' && code === 'EHOSTUNREACH')).toBe(16 * 20)
    expect(count(guarded, ({ state, port }) => state === 'open' && port === 443)).toBe(16)
  })

  it('skips no port of a host that has answered once', async () => {
    lab.fault('isp1', 'ip daddr 10.64.3.32/28 tcp dport != 443 reject with icmp type host-unreachable')
    // One connection at a time, so the first connection to each host is answered.
    const results = await collect('10.64.3.32-10.64.3.47', { ports: '443,1-5', concurrency: 1, timeout: 3000 })
    expect(count(results, ({ state, port }) => state === 'open' && port === 443)).toBe(16)
    expect(count(results, ({ state, code }) => state === 'filtered' && code === 'EHOSTUNREACH')).toBe(16 * 5)
  })

  it('does the same for IPv6', async () => {
    const { address6 } = lab.server
    lab.fault('isp1', `ip6 daddr ${address6} reject with icmpv6 type addr-unreachable`)
    const results = await collect(address6, { ports: '1-20', concurrency: 2, timeout: 3000 })
    expect(count(results, ({ state }) => state === 'unsent')).toBeGreaterThan(14)
  })

  it('reports ports that this machine could not try as unsent, and continues', async () => {
    const route = ['unreachable', '10.64.4.2/32']
    lab.run('router', 'ip', 'route', 'replace', ...route)
    onTestFinished(() => void lab.run('router', 'ip', 'route', 'del', ...route))
    const results = await collect(['10.64.4.1', '10.64.4.2', 'no-such-name.invalid'], { ports, timeout: 3000 })
    const of = (name: string) => results.filter(({ host }) => host === name).map(({ state, code }) => [state, code])
    expect(
      of('10.64.4.1')
        .map(([state]) => state)
        .sort(),
    ).toEqual(['closed', 'open', 'open'])
    expect(of('10.64.4.2')).toEqual(ports.map(() => ['unsent', 'EHOSTUNREACH']))
    expect(of('no-such-name.invalid')).toEqual(ports.map(() => ['unsent', expect.any(String)]))
  })

  it('spreads over the hosts, with few connections to each at a time', async () => {
    const results = await collect('10.64.5.1-10.64.5.200', { ports: '1-5', concurrency: 20, timeout: 3000 })
    expect(results.length).toBe(1000)
    const first = results.slice(0, 200).map(({ host }) => host)
    expect(new Set(first).size).toBeGreaterThanOrEqual(180)
  })

  it('retries only silent ports', async () => {
    lab.fault('internet', 'ip daddr 10.64.6.1 tcp dport 22 drop')
    const capture = await lab.capture('wan1', 'dst 10.64.6.1 and tcp[tcpflags] & tcp-syn != 0')
    const results = await collect('10.64.6.1', { ports, retries: 3, timeout: 300 })
    expect(results.find(({ port }) => port === 22)!.state).toBe('filtered')
    const sent = (await capture.stop()).length
    expect(sent).toBe(4 + 2)
  })

  it('keeps to its rate', async () => {
    const swept = sweepPorts('10.64.7.0/24', { ports: '22,443', rate: 400 })
    const results: PortSweepResult[] = []
    for await (const result of swept) results.push(result)
    expect(results.length).toBe(508)
    expect(swept.progress.elapsedMs).toBeGreaterThan((508 / 400) * 1000 - 100)
    expect(swept.progress).toMatchObject({ total: 508, done: 508, open: 508, inFlight: 0 })
  })

  it('starts immediately with 16 million hosts in bounded memory, and ends with its signal', async () => {
    lab.fault('isp1', 'ip daddr 10.128.0.0/9 drop')
    const before = descriptors()
    const controller = new AbortController()
    const swept = sweepPorts('10.128.0.0/9', { ports: '1-65535', timeout: 100, signal: controller.signal })
    const heap = process.memoryUsage().heapUsed
    let results = 0
    const reading = (async () => {
      for await (const { state } of swept) if (state === 'filtered' && ++results === 5000) controller.abort()
    })()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    expect(swept.progress.total).toBe((2 ** 23 - 2) * 65_535)
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(64e6)
    expect(descriptors()).toBe(before)
  })

  it('rejects if its device is deleted during the sweep, and leaves nothing open', async () => {
    const third = lab.addDevice('sweep0')
    lab.fault('internet', 'iifname "sweep0" tcp dport 1-65535 drop')
    const before = descriptors()
    const sweeping = collect('10.64.8.0/24', { device: 'sweep0', ports: '1-500', timeout: 5000 })
    sweeping.catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 100))
    third.remove()
    await expect(sweeping).rejects.toMatchObject({ code: 'ENODEV', device: 'sweep0' })
    expect(descriptors()).toBe(before)
  })
})

describe('nmap', () => {
  needs('nft', 'nmap')

  it('agrees for every port of every host', async () => {
    lab.fault('isp1', 'ip daddr 10.64.9.32/28 drop')
    lab.fault('isp1', 'ip daddr 10.64.9.48/28 tcp dport 22 reject with icmp type port-unreachable')
    lab.fault('internet', 'ip daddr 10.64.9.0/28 tcp dport 443 drop')
    const mine = await collect('10.64.9.0-10.64.9.63', { ports, timeout: 2000 })
    const flags = ['-n', '-Pn', '-sS', '-T4', '-p', ports.join(), '-oX', '-', '-v', '10.64.9.0-63']
    const text = lab.run('router', 'nmap', ...flags)
    const theirs = new Map<string, string>()
    for (const host of text.split('<host ').slice(1)) {
      const address = /addr="([\d.]+)"/.exec(host)![1]
      for (const [, port, state] of host.matchAll(/portid="(\d+)"><state state="(\w+)"/g))
        theirs.set(`${address}:${port}`, state!)
    }
    expect(theirs.size).toBe(64 * 3)
    const different = mine.filter(({ host, port, state }) => theirs.get(`${host}:${port}`) !== state)
    expect(different.map(({ host, port, state }) => [host, port, state, theirs.get(`${host}:${port}`)])).toEqual([])
  })
})
