import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PortResult } from '../../src/scan/port-scan.js'
import { type ScanOptions, scanPorts } from '../../src/scan/scan-ports.js'
import { type Host, lab, needs } from '../lab/index.js'
import { atOnce } from '../unit/at-once.js'
import { movedDuring } from './moved.js'

const openPorts = [22, 80, 443, 1000]
const descriptors = () => readdirSync('/proc/self/fd').length

async function serve(host: Host, ports: number[]): Promise<void> {
  const program = `
    const servers = ${JSON.stringify(ports)}.map(port => new Promise(resolve =>
      require('node:net').createServer(socket => socket.on('error', () => {})).listen(port, '::', resolve)))
    Promise.all(servers).then(() => console.log('ready'))`
  const child = lab.spawn(host, process.execPath, '-e', program)
  for await (const line of createInterface(child.stdout!)) if (line === 'ready') return
}

async function collect(host: string, options: ScanOptions): Promise<Map<number, PortResult>> {
  const results = new Map<number, PortResult>()
  for await (const result of scanPorts(host, options)) results.set(result.port, result)
  return results
}

function states(results: Map<number, PortResult>, ...ports: number[]): unknown[] {
  return ports.map(port => results.get(port)!.state)
}

beforeAll(() => serve('internet', openPorts))
const repairs: (() => void)[] = []
afterEach(() => {
  for (const repair of repairs.splice(0)) repair()
})
const fault = (host: Host, rule: string) => repairs.push(lab.fault(host, rule))

describe('scanPorts', () => {
  needs('nft')

  it.each([
    ['IPv4', lab.server.address4],
    ['IPv6', lab.server.address6],
  ])('distinguishes open, closed and filtered over %s', async (_, address) => {
    fault('internet', 'tcp dport { 443, 500-502 } drop')
    const unreachable = address.includes(':') ? 'admin-prohibited' : 'host-unreachable'
    fault('isp1', `tcp dport 600-602 reject with ${address.includes(':') ? 'icmpv6' : 'icmp'} type ${unreachable}`)
    const scan = await collect(address, { ports: '1-1024' })
    expect(scan.size).toBe(1024)
    expect(states(scan, 22, 80, 1000, 443, 500, 502)).toEqual([
      ...['open', 'open', 'open', 'filtered', 'filtered', 'filtered'],
    ])
    for (const port of [600, 601, 602]) {
      expect(scan.get(port)).toMatchObject({
        state: 'filtered',
        code: address.includes(':') ? 'EACCES' : 'EHOSTUNREACH',
      })
    }
    expect(scan.get(443)).toMatchObject({ rttMs: undefined, code: undefined })
    expect(scan.get(80)!.rttMs).toBeGreaterThan(0)
    expect([...scan.values()].filter(({ state }) => state === 'closed').length).toBe(1024 - 3 - 4 - 3)
  })

  it.each([
    ['IPv4', '10.64.9.99', 'icmp'],
    ['IPv6', lab.server.address6, 'icmpv6'],
  ])('takes no router that reports a closed port over %s for the host', async (_, address, protocol) => {
    fault('isp1', `tcp dport 700-702 reject with ${protocol} type port-unreachable`)
    const scan = await collect(address, { ports: '700-703' })
    const rejected = { state: 'filtered', code: 'ECONNREFUSED', rttMs: expect.any(Number) }
    for (const port of [700, 701, 702]) expect(scan.get(port)).toMatchObject(rejected)
    expect(scan.get(703)).toMatchObject({ state: 'closed', code: undefined })
  })

  it('uses the given device and no other', async () => {
    const moved = await movedDuring(async () =>
      expect(await scanPorts(lab.server.address4, { device: 'wan2' }).open()).toEqual(openPorts),
    )
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThanOrEqual(2 * 1024)
  })

  it('takes the time that its concurrency allows for silent ports', async () => {
    fault('internet', 'tcp dport 2000-3999 drop')
    const scan = scanPorts(lab.server.address4, { ports: '2000-3999', timeout: 300, concurrency: 500 })
    const most: number[] = []
    for await (const { state } of scan) {
      expect(state).toBe('filtered')
      most.push(scan.progress.inFlight)
    }
    expect(Math.max(...most)).toBe(500)
    expect(scan.progress).toMatchObject({ filtered: 2000, done: 2000 })
    expect(scan.progress.elapsedMs).toBeGreaterThan(4 * 300 - 10)
  })

  it('reports no port as filtered because the event loop was blocked', async () => {
    const relay = await lab.relay({ delayMs: 30 })
    await serve('slow', [80, 81, 82])
    const collecting = collect(lab.slow.address4, { ports: '80-89', timeout: 900 })
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    const until = performance.now() + 1200
    while (performance.now() < until);
    const scan = await collecting
    expect(states(scan, 80, 81, 82)).toEqual(['open', 'open', 'open'])
    expect([...scan.values()].filter(({ state }) => state === 'closed').length).toBe(7)
    // The time is the kernel's, not the event loop's. On a busy machine, the relay is late.
    for (const port of [80, 81, 82]) expect(Math.abs(scan.get(port)!.rttMs! - 60)).toBeLessThan(800)
    await relay.stop()
  })

  it('loses no port if descriptors run out during the scan', async () => {
    fault('internet', 'tcp dport 2000-2399 drop')
    const program = `
      import { openSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      import { scanPorts } from 'netvia'
      const scan = scanPorts('${lab.server.address4}', { ports: '2000-2399', timeout: 100, rate: 4000 })
      const results = [scan.next().then(({ value }) => value)]
      while (scan.progress.inFlight < 20) await setTimeout(1)
      let code
      while (!code) {
        try {
          openSync('/dev/null', 'r')
        } catch (error) {
          code = error.code
        }
      }
      for await (const result of scan) results.push(result)
      console.log(JSON.stringify({ code, results: await Promise.all(results), elapsedMs: scan.progress.elapsedMs }))`
    const command = ['--nofile=256', process.execPath, '--input-type=module', '-e', program]
    const { stdout } = await promisify(execFile)('prlimit', command)
    const { code, results, elapsedMs } = JSON.parse(stdout) as {
      code: string
      results: PortResult[]
      elapsedMs: number
    }
    expect(code).toBe('EMFILE')
    expect(new Set(results.map(({ port }) => port)).size).toBe(400)
    expect(results.every(({ state }) => state === 'filtered')).toBe(true)
    // The ports share the few descriptors, one after the other.
    expect(elapsedMs).toBeGreaterThan(250)
  })

  it('rejects immediately if its device is deleted during the scan, and leaves nothing open', async () => {
    const third = lab.addDevice('scan0')
    fault('internet', 'iifname "scan0" tcp dport 1-65535 drop')
    const before = descriptors()
    const scan = scanPorts(lab.server.address4, { device: 'scan0', ports: '1-5000', timeout: 5000 })
    const opening = scan.open()
    opening.catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 100))
    third.remove()
    const start = performance.now()
    await expect(opening).rejects.toMatchObject({ code: 'ENODEV', device: 'scan0' })
    expect(performance.now() - start).toBeLessThan(atOnce)
    expect(descriptors()).toBe(before)
  })

  it('rejects for local errors instead of reporting ports as filtered', async () => {
    const third = lab.addDevice('scan1')
    lab.run('router', 'ip', 'link', 'set', 'scan1', 'down')
    await expect(scanPorts(lab.server.address4, { device: 'scan1' }).open()).rejects.toMatchObject({
      code: expect.stringMatching(/ENETUNREACH|ENETDOWN/),
    })
    third.remove()
  })
})

describe('nmap', () => {
  needs('nft', 'nmap')

  it('agrees port for port', async () => {
    fault('internet', 'tcp dport { 443, 500-520 } drop')
    fault('isp1', 'tcp dport 600-602 reject with icmp type host-unreachable')
    const scan = await collect(lab.server.address4, { ports: '1-1024' })
    const text = lab.run(
      'router',
      'nmap',
      '-n',
      '-Pn',
      '-sT',
      '-T4',
      '-p',
      '1-1024',
      '-oX',
      '-',
      '-v',
      lab.server.address4,
    )
    const theirs = new Map(
      [...text.matchAll(/<port protocol="tcp" portid="(\d+)"><state state="(\w+)"/g)].map(([, port, state]) => [
        Number(port),
        state,
      ]),
    )
    // The state of ports that nmap summarizes instead of listing.
    const rest = /<extraports state="(\w+)"/.exec(text)![1]
    const different = [...scan.values()].filter(({ port, state }) => state !== (theirs.get(port) ?? rest))
    expect(different).toEqual([])
    expect(theirs.size).toBeGreaterThan(3)
  })
})
