import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parsePorts } from '../../src/scan/port-list.js'
import type { PortResult } from '../../src/scan/port-scan.js'
import { scanPorts } from '../../src/scan/scan-ports.js'
import { openSockets } from './open-sockets.js'
import { requires } from './requirements.js'

/** An address that only this file uses. Other programs listen on other loopback addresses, or on all. */
const host = '127.83.67.65'
const ports = Array.from({ length: 20 }, (_, i) => 1100 + i * 3001)
const servers: Server[] = []

function listenOn(port: number, address: string): Promise<Server> {
  const server = createServer(socket => socket.on('error', () => {}))
  return new Promise((resolve, reject) =>
    server.on('error', reject).listen({ port, host: address }, () => resolve(server)),
  )
}

beforeAll(async () => {
  for (const port of ports) servers.push(await listenOn(port, host))
})
afterAll(() => {
  for (const server of servers) server.close()
})

/** The rows of /proc/net/tcp and tcp6. Addresses are hexadecimal, and state `0A` is listening. */
function connections() {
  const files = ['/proc/net/tcp', '/proc/net/tcp6'].map(path => readFileSync(path, 'utf8').split('\n').slice(1))
  return files.flat().flatMap(line => {
    const [, local, remote, state] = line.trim().split(/\s+/)
    return local && remote ? [{ local, remote, state, port: Number.parseInt(local.split(':').at(-1)!, 16) }] : []
  })
}

/** The ports on which some program listens at all addresses. */
function wildcardPorts(): number[] {
  return connections()
    .filter(({ local, state }) => state === '0A' && /^0+:/.test(local))
    .map(({ port }) => port)
}

const hostHex = '4143537F'

describe('scanPorts', () => {
  it('finds the 20 open ports of 65,535, each port reported once, and leaves nothing in TIME_WAIT', async () => {
    const others = new Set(wildcardPorts())
    const before = await openSockets()
    const scan = scanPorts(host, { ports: '1-65535' })
    const results: PortResult[] = []
    for await (const result of scan) {
      results.push(result)
      // Other programs may start and stop listening during the scan.
      if (result.state === 'open') for (const port of wildcardPorts()) others.add(port)
    }
    const mine = results.filter(({ port }) => !others.has(port))
    expect(new Set(results.map(({ port }) => port)).size).toBe(65_535)
    expect(results.length).toBe(65_535)
    expect(
      mine
        .filter(({ state }) => state === 'open')
        .map(({ port }) => port)
        .sort((a, b) => a - b),
    ).toEqual(ports)
    expect(mine.filter(({ state }) => state === 'filtered')).toEqual([])
    expect(mine.every(({ rttMs }) => rttMs! > 0 && rttMs! < 1000)).toBe(true)
    const { open, closed, filtered, ...progress } = scan.progress
    expect(progress).toMatchObject({ total: 65_535, done: 65_535, inFlight: 0, etaMs: 0 })
    expect(open + closed + filtered).toBe(65_535)
    const left = connections().filter(
      ({ local, remote, state }) => `${local} ${remote}`.includes(hostHex) && state !== '0A',
    )
    expect(left).toEqual([])
    expect(await openSockets()).toBe(before)
  }, 60_000)

  it('returns the open ports sorted, also over IPv6', async () => {
    const some = [ports[5]!, 2, ports[1]!, 3, `${ports[3]}-${ports[3]! + 5}`]
    expect(await scanPorts(host, { ports: some }).open()).toEqual([ports[1], ports[3], ports[5]])
    const server = await listenOn(0, '::1')
    const { port } = server.address() as { port: number }
    expect(await scanPorts('::1', { ports: [port] }).open()).toEqual([port])
    server.close()
  })

  it('works with few descriptors, and loses no port', async context => {
    requires(context, 'prlimit')
    const program = `
      import { closeSync, openSync } from 'node:fs'
      import { scanPorts } from 'netvia'
      const taken = []
      try {
        for (;;) taken.push(openSync('/dev/null', 'r'))
      } catch {}
      // With few descriptors, one scan must wait for another.
      for (const fd of taken.splice(0, 2)) closeSync(fd)
      const scans = [1, 2, 3].map(() => scanPorts('${host}', { ports: '1-5000' }))
      const open = await Promise.all(scans.map(scan => scan.open()))
      console.log(JSON.stringify({ open, done: scans.map(scan => scan.progress.done) }))`
    const command = ['--nofile=64', process.execPath, '--input-type=module', '-e', program]
    const { stdout } = await promisify(execFile)('prlimit', command)
    const { open, done } = JSON.parse(stdout) as { open: number[][]; done: number[] }
    expect(done).toEqual([5000, 5000, 5000])
    for (const found of open) expect(found).toEqual(expect.arrayContaining(ports.filter(port => port <= 5000)))
  })

  it('keeps to its rate', async () => {
    const scan = scanPorts(host, { ports: '1-200', rate: 500 })
    await scan.open()
    // The first port needs no wait, and the bucket allows a burst of up to 20 ms.
    expect(scan.progress.elapsedMs).toBeGreaterThan(350)
  })

  it('pauses for a slow consumer, and continues', async () => {
    const scan = scanPorts(host, { ports: '1-20000' })
    await scan.next()
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    expect(scan.progress.done).toBeLessThan(6000)
    let rest = 0
    for await (const _ of scan) rest++
    expect(rest).toBe(19_999)
  })

  it('ends by break, return and abort with nothing left open', async () => {
    const before = await openSockets()
    for await (const _ of scanPorts(host, { ports: '1-65535' })) break
    const controller = new AbortController()
    const reason = new Error('enough')
    const scan = scanPorts(host, { ports: '1-65535', rate: 10, signal: controller.signal })
    const opening = scan.open()
    setTimeout(() => controller.abort(reason), 50)
    await expect(opening).rejects.toBe(reason)
    expect(await scan.next()).toEqual({ done: true, value: undefined })
    await expect(scanPorts(host, { signal: AbortSignal.abort(reason) }).open()).rejects.toBe(reason)
    expect(await openSockets()).toBe(before)
  })

  it('rejects for local errors, and for a name without addresses', async () => {
    const before = await openSockets()
    await expect(scanPorts(host, { device: 'nonesuch0' }).open()).rejects.toMatchObject({ code: 'ENODEV' })
    await expect(scanPorts(host, { localAddress: '192.0.2.7' }).open()).rejects.toMatchObject({
      ...{ code: 'EADDRNOTAVAIL', address: '192.0.2.7' },
    })
    await expect(scanPorts(host, { family: 6 }).open()).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
    // @ts-expect-error deliberately wrong
    expect(() => scanPorts(host, { port: 80 })).toThrow('unknown option "port"')
    expect(() => scanPorts('')).toThrow('scanPorts: host')
    expect(await openSockets()).toBe(before)
  })
})

describe('parsePorts', () => {
  it('accepts lists, ranges and arrays, each port once and in order', () => {
    expect(parsePorts('22,80, 8000-8002,80', 'ports')).toEqual([22, 80, 8000, 8001, 8002])
    expect(parsePorts([443, '80-81', 80], 'ports')).toEqual([443, 80, 81])
    expect(parsePorts('1-65535', 'ports').length).toBe(65_535)
  })

  it.each([
    ['empty text', ''],
    ['an empty array', []],
    ['port 0', '0'],
    ['a port too large', '65536'],
    ['a reversed range', '90-80'],
    ['words', 'http'],
    ['a fraction', [80.5]],
    ['a trailing comma', '80,,81'],
  ])('refuses %s', (_, list) => {
    expect(() => parsePorts(list, 'ports')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  })
})
