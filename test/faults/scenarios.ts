import { once } from 'node:events'
import { createServer, connect as plainConnect } from 'node:net'
import { text } from 'node:stream/consumers'
import {
  checkHttp,
  connect,
  devices,
  discoverNat,
  listen,
  listenProxy,
  neighbours,
  openIcmp,
  openUdp,
  openUdpPackets,
  pathMtu,
  ping,
  pings,
  privileges,
  resolve,
  scanPorts,
  sweep,
  sweepPorts,
  tcpInfo,
  traceroute,
  traceroutes,
  watchDevices,
} from '../../src/index.js'
import { fakeServer } from '../unit/dns-fake-server.js'

const host = '127.0.0.1'
const path = { device: 'lo' }
const flows = { ...path, flows: 2, maxHops: 1, count: 1, timeout: 100 }

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Scenarios over loopback for every way in which the library makes system calls. Each closes everything at its end. */
export async function startScenarios() {
  const web = createServer(socket =>
    socket
      .on('error', () => {})
      .resume()
      .end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
  )
  await new Promise<void>(ready => web.listen(0, host, ready))
  const { port } = web.address() as { port: number }
  const names = await fakeServer(({ via }) =>
    via === 'udp' ? { truncated: true } : { answers: [{ type: 'A', name: 'a.test', ttl: 1, data: host }] },
  )
  const scenarios: Record<string, () => Promise<unknown>> = {
    'ping over IPv4': () => ping(host, { ...path, timeout: 100, kind: 'datagram' }),
    'ping over IPv6, with a hop limit': () => ping('::1', { ...path, timeout: 100, ttl: 9, kind: 'datagram' }),
    'ping by a raw socket': () => ping(host, { ...path, timeout: 100, kind: 'raw' }),
    'ping by whichever socket is allowed': () => ping(host, { timeout: 100 }),
    pings: () => all(pings(host, { ...path, count: 3, interval: 10, timeout: 100 })),
    sweep: () => all(sweep('127.0.0.0/28', { ...path, timeout: 100 })),
    openIcmp: async () => {
      using socket = openIcmp({ family: 4, kind: 'raw', ...path })
      socket.on('error', () => {})
      await socket.send(
        { family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array(8) },
        host,
      )
    },
    traceroute: () => all(traceroute(host, { ...path, queries: 1, maxHops: 2, timeout: 100 })),
    'traceroute by UDP': () => all(traceroute(host, { ...path, method: 'udp', queries: 1, maxHops: 2, timeout: 100 })),
    'traceroute by TCP': () => all(traceroute(host, { ...path, method: 'tcp', queries: 1, maxHops: 2, timeout: 100 })),
    'traceroutes of two flows by UDP': () => all(traceroutes(host, { ...flows, method: 'udp' })),
    'traceroutes of two flows by TCP': () => all(traceroutes(host, { ...flows, method: 'tcp' })),
    pathMtu: () => pathMtu(host, { ...path, timeout: 100 }),
    connect: async () => {
      const socket = await connect({ host, port, noDelay: true, timeout: 500, ...path })
      try {
        tcpInfo(socket)
        return await text(socket)
      } finally {
        socket.destroy()
      }
    },
    listen: async () => {
      const server = await listen({ host, port: 0, ...path })
      await new Promise(closed => server.close(closed))
    },
    listenProxy: async () => {
      const proxy = await listenProxy({ port: 0 })
      const client = plainConnect({ port: proxy.address().port, host })
      const closed = new Promise(resolve => client.on('close', resolve))
      // The proxy rejects the target, so no tunnel starts. A tunnel's thread would keep running.
      client.on('error', () => {}).end(Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 9))
      client.setTimeout(500, () => client.destroy()).resume()
      await closed
      await proxy.close()
    },
    openUdp: async () => {
      const socket = await openUdp({ host, ...path })
      await new Promise<void>(closed => socket.close(closed))
    },
    openUdpPackets: async () => {
      const socket = await openUdpPackets({ host, ...path })
      socket.on('error', () => {})
      try {
        const { port: own } = socket.address()
        const message = once(socket, 'message', { signal: AbortSignal.timeout(500) }).catch(() => undefined)
        await socket.send(new Uint8Array(8), own, host)
        const found = await message
        if (found) await socket.reply(found[1], new Uint8Array(8))
      } finally {
        socket.close()
      }
    },
    discoverNat: () => discoverNat(`${host}:9`, { ...path, timeout: 100 }),
    resolve: () => resolve('a.test', { ...path, servers: [names.server], family: 4, timeout: 1000 }),
    scanPorts: () => all(scanPorts(host, { ...path, ports: [port, 1, 2], timeout: 100 })),
    sweepPorts: () => all(sweepPorts([host, '127.0.0.2'], { ...path, ports: [port, 1], timeout: 100 })),
    checkHttp: () => checkHttp(`http://${host}:${port}/`, { ...path, timeout: 500 }),
    devices: () => devices(),
    neighbours: () => neighbours(),
    privileges: () => privileges(),
    watchDevices: async () => {
      const watch = watchDevices()
      await watch.return()
    },
  }
  const stop = async () => {
    await names.close()
    await new Promise(closed => web.close(closed))
  }
  return { scenarios, stop }
}
