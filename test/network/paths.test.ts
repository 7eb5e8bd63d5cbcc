import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { Server } from 'node:net'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checkHttp } from '../../src/checks/http/check-http.js'
import type { PathOptions } from '../../src/options.js'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { HttpAgent, HttpsAgent } from '../../src/protocols/http/agent.js'
import { ping } from '../../src/protocols/icmp/ping.js'
import { connect } from '../../src/protocols/tcp/connect.js'
import { connectTls } from '../../src/protocols/tcp/connect-tls.js'
import { listen } from '../../src/protocols/tcp/listen.js'
import { openUdp } from '../../src/protocols/udp/open-udp.js'
import { type CapturedPacket, lab, needs } from '../lab/index.js'
import { quiet } from './quiet.js'

type Family = 4 | 6

/** One way to use the network. `port` is 0 for protocols without ports. */
interface Usage {
  name: string
  protocol: 'icmp' | 'tcp' | 'udp'
  port: number
  use(path: PathOptions, family: Family): Promise<void>
}

const numbers = { icmp: { 4: 1, 6: 58 }, tcp: { 4: 6, 6: 6 }, udp: { 4: 17, 6: 17 } }
const serverAddress = (family: Family) => (family === 4 ? lab.server.address4 : lab.server.address6)
const wan2Address = (family: Family) => (family === 4 ? lab.wan2.address4 : lab.wan2.address6)
/** /etc/resolv.conf names the server's IPv4 address, but a socket on an IPv6 source address needs its IPv6 address. */
const nameServers = (family: Family) => (family === 4 ? undefined : [lab.server.address6])

const ipv4Name = `v4.${lab.server.name}`

const echoPort = 7007
const echo = `
  const socket = require('node:dgram').createSocket({ type: 'udp6' })
  socket.on('message', (message, { port, address }) => socket.send(message, port, address))
  socket.bind(${echoPort}, () => console.log('listening'))`

const listenPort = 7008
const client = `
  const socket = require('node:net').connect(${listenPort}, process.argv[1])
  socket.end('hello').resume()`

needs('tcpdump', 'nginx', 'dnsmasq')

beforeAll(async () => {
  await lab.nginx()
  const many = Array.from({ length: 120 }, (_, index) => index + 1)
  await lab.dnsmasq([
    `host-record=${lab.server.name},${lab.server.address4},${lab.server.address6}`,
    `host-record=${ipv4Name},${lab.server.address4}`,
    ...many.map(n => `host-record=many.test,10.64.0.${n},2001:db8:aa::${n}`),
  ])
  await once(lab.spawn('internet', process.execPath, '-e', echo).stdout!, 'data')
})

/** Verifies the name, because Node 22.23.3 rejects certificates for IPv6 addresses (`tls.checkServerIdentity`). */
const identity = { ca: lab.ca, servername: lab.server.name }

const usages: Usage[] = [
  {
    name: 'ping',
    protocol: 'icmp',
    port: 0,
    async use(path, family) {
      expect(await ping(serverAddress(family), path)).toMatchObject({ outcome: 'reply', family })
    },
  },
  {
    name: 'ping through a raw socket',
    protocol: 'icmp',
    port: 0,
    async use(path, family) {
      expect(await ping(serverAddress(family), { ...path, kind: 'raw' })).toMatchObject({ outcome: 'reply', family })
    },
  },
  {
    name: 'connect by address',
    protocol: 'tcp',
    port: 80,
    async use(path, family) {
      const socket = await connect({ ...path, host: serverAddress(family), port: 80 })
      socket.end('GET / HTTP/1.0\r\n\r\n')
      expect((await socket.toArray()).join('')).toContain('hello')
    },
  },
  {
    name: 'connect by name',
    protocol: 'tcp',
    port: 80,
    async use(path, family) {
      const socket = await connect({ ...path, host: lab.server.name, port: 80, family, servers: nameServers(family) })
      expect(socket.remoteAddress).toBe(serverAddress(family))
      socket.end('GET / HTTP/1.0\r\n\r\n')
      expect((await socket.toArray()).join('')).toContain('hello')
    },
  },
  {
    name: 'connectTls',
    protocol: 'tcp',
    port: 443,
    async use(path, family) {
      const socket = await connectTls({ ...path, ...identity, host: serverAddress(family), port: 443 })
      socket.end('GET / HTTP/1.0\r\n\r\n')
      expect((await socket.toArray()).join('')).toContain('hello')
    },
  },
  {
    name: 'listen',
    protocol: 'tcp',
    port: listenPort,
    async use(path, family) {
      const server = await listen({ ...path, port: listenPort })
      lab.spawn('internet', process.execPath, '-e', client, wan2Address(family))
      expect(await firstMessage(server)).toBe('hello')
    },
  },
  {
    name: 'UDP',
    protocol: 'udp',
    port: echoPort,
    async use(path, family) {
      const socket = await openUdp({ ...path, family })
      socket.send('hello', echoPort, serverAddress(family))
      const [message] = await once(socket, 'message')
      socket.close()
      expect(String(message)).toBe('hello')
    },
  },
  {
    name: 'DNS over UDP',
    protocol: 'udp',
    port: 53,
    async use(path, family) {
      const found = await resolve(lab.server.name, { ...path, family, servers: nameServers(family) })
      expect(found.map(({ address }) => address)).toEqual([serverAddress(family)])
    },
  },
  {
    name: 'DNS over TCP, as the answer is too long for UDP',
    protocol: 'tcp',
    port: 53,
    async use(path, family) {
      expect(await resolve('many.test', { ...path, family, servers: nameServers(family) })).toHaveLength(120)
    },
  },
  {
    name: 'HttpAgent',
    protocol: 'tcp',
    port: 80,
    async use(path, family) {
      const agent = new HttpAgent(path)
      expect(await body(http.get({ agent, host: serverAddress(family) }))).toBe('hello\n')
      agent.destroy()
    },
  },
  {
    name: 'HttpsAgent',
    protocol: 'tcp',
    port: 443,
    async use(path, family) {
      const agent = new HttpsAgent({ ...path, ...identity })
      expect(await body(https.get({ agent, host: serverAddress(family) }))).toBe('hello\n')
      agent.destroy()
    },
  },
  {
    name: 'checkHttp',
    protocol: 'tcp',
    port: 443,
    async use(path, family) {
      const host = family === 4 ? ipv4Name : `[${lab.server.address6}]`
      const result = await checkHttp(`https://${host}/`, { ...path, tls: identity })
      expect(result).toMatchObject({ ok: true, status: 200, remoteAddress: serverAddress(family) })
    },
  },
]

async function firstMessage(server: Server): Promise<string> {
  const [socket] = await once(server, 'connection')
  const message = (await socket.toArray()).join('')
  socket.destroy()
  server.close()
  return message
}

async function body(request: http.ClientRequest): Promise<string> {
  const [response] = await once(request, 'response')
  return (await response.toArray()).join('')
}

interface Traffic {
  rxPackets: number
  txPackets: number
  /** The packets in both directions that tcpdump saw. */
  packets: CapturedPacket[]
}

/** The traffic on wan1 and wan2 during `action`. */
async function trafficOf(action: () => Promise<void>): Promise<[wan1: Traffic, wan2: Traffic]> {
  const captures = await Promise.all(['wan1', 'wan2'].map(device => lab.capture(device)))
  const before = ['wan1', 'wan2'].map(lab.counters)
  await action()
  await quiet()
  const after = ['wan1', 'wan2'].map(lab.counters)
  const packets = await Promise.all(captures.map(capture => capture.stop()))
  const traffic = [0, 1].map(index => ({
    rxPackets: after[index]!.rxPackets - before[index]!.rxPackets,
    txPackets: after[index]!.txPackets - before[index]!.txPackets,
    packets: packets[index]!,
  }))
  return traffic as [Traffic, Traffic]
}

/** Describes a packet for the message of a failed test. */
function inWords({ source, destination, protocol, frame }: CapturedPacket): string {
  return `protocol ${protocol} from ${source} to ${destination}: ${frame.toString('hex')}`
}

/** The packets of this usage that were sent from wan2's address. */
function sentFrom({ packets }: Traffic, { protocol, port }: Usage, family: Family): CapturedPacket[] {
  return packets.filter(
    packet =>
      packet.protocol === numbers[protocol][family] &&
      packet.source === wan2Address(family) &&
      (port === 0 || [packet.payload!.readUInt16BE(0), packet.payload!.readUInt16BE(2)].includes(port)),
  )
}

describe.each([4, 6] as const)('over IPv%i', family => {
  beforeEach(quiet)

  describe.each(usages.map(usage => [usage.name, usage] as const))('%s', (_name, usage) => {
    test('with device wan2, not one packet moves on wan1', async () => {
      const [wan1, wan2] = await trafficOf(() => usage.use({ device: 'wan2' }, family))
      expect(wan1.packets.map(inWords).join('\n')).toBe('')
      expect(wan1).toMatchObject({ rxPackets: 0, txPackets: 0 })
      expect(sentFrom(wan2, usage, family).length).toBeGreaterThan(0)
    })

    test("with wan2's address alone, the packets go out through wan1", async () => {
      const [wan1, wan2] = await trafficOf(() => usage.use({ localAddress: wan2Address(family) }, family))
      expect(sentFrom(wan1, usage, family).length).toBeGreaterThan(0)
      expect(wan1.txPackets).toBe(wan1.packets.filter(({ source }) => source === wan2Address(family)).length)
      expect(wan2.txPackets).toBe(0)
    })
  })
})
