import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { request } from 'node:https'
import { createConnection } from 'node:net'
import dnsPacket from 'dns-packet'
import { describe, expect, onTestFinished, test } from 'vitest'
import { httpServer, lab, loss, needs, type Relay, type RelaySettings } from '../lab/index.js'
import { movedDuring, sentDuring } from './moved.js'

const pingOnce = ['ping', '-n', '-c', '1', '-W', '1'] as const

/** Returns ping's output. Ignores its exit code, which is 1 if nothing answers. */
function pingSays(...args: string[]): string {
  return lab.run('router', 'sh', '-c', '"$@" 2>&1 || true', 'sh', 'ping', '-n', '-W', '1', ...args)
}

describe('two uplinks', () => {
  needs('ping')

  test.each([
    ['wan1', 'IPv4', lab.server.address4],
    ['wan2', 'IPv4', lab.server.address4],
    ['wan1', 'IPv6', lab.server.address6],
    ['wan2', 'IPv6', lab.server.address6],
  ])('the server answers through %s over %s, and the other device is idle', async (device, _family, address) => {
    const sent = await sentDuring(() => lab.run('router', ...pingOnce, '-I', device, address))
    expect(sent).toEqual({ wan1: 0, wan2: 0, [device]: 1 })
  })

  test("with wan2's address alone a packet leaves through wan1, and the answer arrives through wan2", async () => {
    const ping = () => lab.run('router', ...pingOnce, '-I', lab.wan2.address4, lab.server.address4)
    expect(await sentDuring(ping)).toEqual({ wan1: 1, wan2: 0 })
    expect(await movedDuring(ping)).toEqual({ wan1: 1, wan2: 1 })
  })

  test('every address in the block replies', () => {
    for (const address of ['10.64.0.1', '10.64.255.254']) lab.run('router', ...pingOnce, address)
  })
})

describe('faults', () => {
  needs('ping', 'nft')
  const server = lab.server.address4

  test('packets are dropped until the repair', () => {
    const repair = lab.fault('isp1', 'icmp type echo-request drop')
    expect(pingSays('-c', '1', server)).toContain('0 received')
    repair()
    expect(pingSays('-c', '1', server)).toContain('1 received')
  })

  test.each([
    ['icmp type host-unreachable', server, 'Destination Host Unreachable'],
    ['icmp type admin-prohibited', server, 'Packet filtered'],
    ['icmpv6 type admin-prohibited', lab.server.address6, 'Destination unreachable: Administratively prohibited'],
  ])('rejected with %s', (kind, address, text) => {
    const repair = lab.fault('isp1', `meta l4proto { icmp, icmpv6 } reject with ${kind}`)
    expect(pingSays('-c', '1', address)).toContain(text)
    repair()
  })

  test('some are lost randomly', () => {
    const repair = lab.fault('isp1', loss(0.5, 'icmp type echo-request'))
    const received = Number(/(\d+) received/.exec(pingSays('-c', '200', '-i', '0.002', server))![1])
    repair()
    expect(received).toBeGreaterThan(50)
    expect(received).toBeLessThan(150)
  })
})

describe('a further device', () => {
  needs('ping')

  test('carries IPv4 and IPv6 through its own gateway, and is gone when removed', () => {
    const tmp0 = lab.addDevice('tmp0')
    expect(pingSays('-c', '1', '-I', 'tmp0', lab.server.address4)).toContain('1 received')
    expect(pingSays('-c', '1', '-I', 'tmp0', lab.server.address6)).toContain('1 received')
    tmp0.remove()
    expect(pingSays('-c', '1', '-I', 'tmp0', lab.server.address4)).toMatch(
      /unknown iface|SO_BINDTODEVICE|No such device/,
    )
  })
})

describe('a capture', () => {
  needs('ping', 'tcpdump')

  test.each([
    ['IPv4', lab.server.address4, lab.wan1.address4, 1],
    ['IPv6', lab.server.address6, lab.wan1.address6, 58],
  ])('holds every packet that was on the wire, with its time: %s', async (_family, server, router, protocol) => {
    const capture = await lab.capture('wan1', 'icmp or icmp6')
    const from = Date.now()
    lab.run('router', 'ping', '-n', '-q', '-c', '20', '-i', '0.002', server)
    const packets = await capture.stop()
    expect(packets).toHaveLength(40)
    expect(packets[0]).toMatchObject({ source: router, destination: server, protocol })
    expect(packets[39]).toMatchObject({ source: server, destination: router, protocol })
    expect(packets[0]!.payload!.readUInt16BE(6)).toBe(1)
    expect(packets[39]!.payload!.readUInt16BE(6)).toBe(20)
    expect(packets[0]!.timeMs).toBeGreaterThanOrEqual(from)
    expect(packets[39]!.timeMs - packets[0]!.timeMs).toBeGreaterThan(30)
    expect(packets[39]!.timeMs).toBeLessThan(Date.now())
  })
})

describe('the relay', () => {
  needs('ping')

  /** Runs a relay until the end of the test, even if the test fails. */
  async function joined(settings?: RelaySettings): Promise<Relay> {
    const relay = await lab.relay(settings)
    onTestFinished(() => relay.stop())
    return relay
  }

  const { address4, address6 } = lab.slow
  const times = (text: string) => [...text.matchAll(/time=([\d.]+) ms/g)].map(match => Number(match[1]))
  const sequences = (text: string) => [...text.matchAll(/icmp_seq=(\d+)/g)].map(match => Number(match[1]))

  test('nothing passes without it, everything with it', async () => {
    expect(pingSays('-c', '1', address4)).toContain('0 received')
    const relay = await joined()
    expect(pingSays('-c', '1', address4)).toContain('1 received')
    expect(pingSays('-c', '1', address6)).toContain('1 received')
    expect(pingSays('-c', '1', '-s', '20000', address6)).toContain('1 received')
    await relay.stop()
    expect(pingSays('-c', '1', address4)).toContain('0 received')
  })

  test('carries TCP with checksum and segmentation offload', async () => {
    await joined()
    const server = lab.spawn('slow', process.execPath, '-e', countingServer)
    await once(server.stdout!, 'data')
    const socket = createConnection({ port: 9999, host: address4, allowHalfOpen: true })
    socket.end(Buffer.alloc(5_000_000))
    expect((await socket.toArray()).join('')).toBe('5000000')
  })

  test('delays both ways, steadily', async () => {
    await joined({ delayMs: 5 })
    const rtts = times(pingSays('-c', '50', '-i', '0.01', address4)).sort((a, b) => a - b)
    // ping waits only two round trips for its last replies, which is short on a busy machine.
    expect(rtts.length).toBeGreaterThan(40)
    expect(rtts[0]).toBeGreaterThanOrEqual(9.9)
    // A busy machine delays most of them, and a queue in the relay would delay all.
    expect(rtts[0]).toBeLessThan(15)
  })

  test('adds jitter without reordering', async () => {
    await joined({ delayMs: 5, jitterMs: 20, direction: 'out' })
    const said = pingSays('-c', '50', '-i', '0.01', address4)
    const rtts = times(said)
    expect(Math.max(...rtts) - Math.min(...rtts)).toBeGreaterThan(5)
    expect(sequences(said)).toEqual(sequences(said).toSorted((a, b) => a - b))
  })

  test('duplicates', async () => {
    await joined({ duplicate: 1, direction: 'back' })
    expect(pingSays('-c', '5', '-i', '0.02', address4)).toMatch(/5 received, \+[45] duplicates/)
  })

  test('reorders', async () => {
    await joined({ reorder: 0.3, direction: 'out' })
    const order = sequences(pingSays('-c', '40', '-i', '0.01', address6))
    expect(order).not.toEqual(order.toSorted((a, b) => a - b))
    expect(new Set(order).size).toBe(40)
  })

  test('loses packets, and takes new settings while it runs', async () => {
    const relay = await joined({ loss: 1 })
    expect(pingSays('-c', '1', address4)).toContain('0 received')
    await relay.set({ loss: 0 })
    expect(pingSays('-c', '1', address4)).toContain('1 received')
  })
})

const countingServer = `
  const server = require('node:net').createServer({ allowHalfOpen: true }, socket => {
    let bytes = 0
    socket.on('data', chunk => { bytes += chunk.length }).on('end', () => socket.end(String(bytes)))
  })
  server.listen(9999, () => console.log('listening'))`

describe('nginx', () => {
  needs('nginx')

  async function get(host: string, servername: string): Promise<string> {
    // Without an agent, because it would reuse a connection to a server that has ended.
    const outgoing = request({ host, servername, ca: lab.ca, path: '/', agent: false }).end()
    const [response] = await once(outgoing, 'response')
    return (await response.toArray()).join('')
  }

  test('serves HTTP, and HTTPS with a certificate of the test CA', async () => {
    await using_(await lab.nginx(), async () => {
      const socket = createConnection(80, lab.server.address6)
      socket.end('GET / HTTP/1.0\r\n\r\n')
      expect((await socket.toArray()).join('')).toMatch(/200 OK.*hello/s)
      expect(await get(lab.server.address4, 'server.test')).toBe('hello\n')
    })
  })

  test.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('has an invalid certificate: %s', async (certificate, code) => {
    await using_(await lab.nginx(httpServer(undefined, certificate)), async () => {
      await expect(get(lab.server.address4, 'server.test')).rejects.toMatchObject({ code })
    })
  })
})

describe('dnsmasq', () => {
  needs('dnsmasq')

  async function ask(question: string): Promise<dnsPacket.Packet> {
    const socket = createSocket('udp4')
    socket.send(
      dnsPacket.encode({ type: 'query', questions: [{ name: question, type: 'A' }] }),
      53,
      lab.server.address4,
    )
    const [message] = await once(socket, 'message')
    socket.close()
    return dnsPacket.decode(message)
  }

  test('answers with its records, and for missing ones with an error', async () => {
    await using_(await lab.dnsmasq(), async () => {
      expect((await ask('server.test')).answers).toMatchObject([{ data: lab.server.address4 }])
      expect(await ask('missing.test')).toMatchObject({ rcode: 'NXDOMAIN', answers: [] })
    })
  })
})

async function using_(server: { stop(): Promise<void> }, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } finally {
    await server.stop()
  }
}
