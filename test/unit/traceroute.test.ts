import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import type { PingResult, Target } from '../../src/protocols/icmp/result.js'
import { type Hop, labelsOf } from '../../src/protocols/traceroute/hop.js'
import { checkTracerouteOptions, type TracerouteMethod } from '../../src/protocols/traceroute/options.js'
import type { Prober, TraceProbe } from '../../src/protocols/traceroute/prober.js'
import { Trace } from '../../src/protocols/traceroute/trace.js'
import { traceroute } from '../../src/protocols/traceroute/traceroute.js'
import { UdpProbe } from '../../src/protocols/traceroute/udp-probe.js'
import { encodeAddress } from '../../src/sockets/address.js'
import { SendBatch } from '../../src/sockets/send-batch.js'
import { openSockets } from './open-sockets.js'
import { requires } from './requirements.js'

const methods: TracerouteMethod[] = ['icmp', 'udp', 'tcp']

async function collect(hops: AsyncIterable<Hop>): Promise<Hop[]> {
  const all = []
  for await (const hop of hops) all.push(hop)
  return all
}

describe.each(['127.0.0.1', '::1'])('traceroute on loopback, %s', host => {
  it.for(methods)('by %s is one hop, and leaves nothing open', async (method, context) => {
    if (method === 'icmp') requires(context, 'ping')
    const before = await openSockets()
    const hops = await collect(traceroute(host, { method }))
    expect(hops).toMatchObject([{ ttl: 1, reached: true, address: host }])
    const [{ probes }] = hops as [Hop]
    expect(probes.map(({ outcome, sequence }) => [outcome, sequence])).toEqual([0, 1, 2].map(i => ['reply', i]))
    for (const probe of probes) expect(probe.rttMs).toBeLessThan(50)
    expect(await openSockets()).toBe(before)
  })

  it('by tcp accepts an open port as an answer too, timed by the kernel', async () => {
    // traceroute resets its connections.
    const server = createServer(socket => socket.on('error', () => {})).listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const [hop] = await collect(traceroute(host, { method: 'tcp', port }))
    server.close()
    expect(hop!.probes.map(({ outcome, clock, type, code }) => [outcome, clock, type, code])).toEqual(
      Array(3).fill(['reply', 'kernel', undefined, undefined]),
    )
  })

  it("by udp accepts an application's answer", async () => {
    const server = createSocket(host === '::1' ? 'udp6' : 'udp4').bind(0, host)
    await once(server, 'listening')
    server.on('message', (message, { address, port }) => server.send(message, port, address))
    const { port } = server.address()
    const [hop] = await collect(traceroute(host, { method: 'udp', port, payloadSize: 100 }))
    server.close()
    expect(hop!.probes).toMatchObject(Array(3).fill({ outcome: 'reply', bytes: 100, from: host, type: undefined }))
  })
})

describe.each([
  ['127.0.0.1', 4],
  ['::1', 6],
] as const)('a probe by udp to %s', (host, family) => {
  it('has its own answer, in a later turn, if that of an earlier probe comes before it is sent', async () => {
    const sends = vi.spyOn(UdpProbe.prototype as unknown as { launch(fd: number): number }, 'launch')
    const target = encodeAddress(host, await closedPort(host))
    const settled = vi.fn()
    const order = { family, hops: 64, timeout: 10_000, path: {}, sourcePort: undefined, hiddenBytes: 28, settled }
    const probe = new UdpProbe(order, target, 32)
    sends.mockImplementationOnce(fd => {
      addon().connect(fd, target)
      const earlier = new SendBatch()
      earlier.add(new Uint8Array(), new Uint8Array())
      earlier.send(fd)
      sends.mockRestore()
      return (probe as unknown as { launch(fd: number): number }).launch(fd)
    })
    probe.start()
    expect(settled).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(settled).toHaveBeenCalledOnce(), { timeout: 60_000 })
    expect(probe).toMatchObject({ outcome: 'reply', error: undefined })
    expect(probe.quoted).toHaveLength(32)
  })
})

async function closedPort(host: string): Promise<number> {
  const socket = createSocket(host === '::1' ? 'udp6' : 'udp4').bind(0, host)
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>(resolve => socket.close(() => resolve()))
  return port
}

describe('traceroute refuses by name', () => {
  it.each([
    [{ maxHops: 0 }, /maxHops/],
    [{ firstHop: 256 }, /firstHop/],
    [{ firstHop: 5, maxHops: 4 }, /firstHop/],
    [{ queries: 11 }, /queries/],
    [{ method: 'sctp' }, /method/],
    [{ port: 80 }, /port/],
    [{ method: 'tcp', payloadSize: 5 }, /payloadSize/],
    [{ hops: 3 }, /hops/],
    [{ names: 1 }, /names/],
  ])('%j', (options, message) => {
    expect(() => traceroute('127.0.0.1', options as never)).toThrow(message)
  })

  it('an unknown device, an invalid address, or an abort, on iteration', async context => {
    requires(context, 'ping')
    for (const method of methods) {
      const hops = traceroute('127.0.0.1', { method, device: 'nonesuch0' })
      await expect(hops.next()).rejects.toMatchObject({ code: 'ENODEV' })
      expect(await hops.next()).toEqual({ done: true, value: undefined })
    }
    await expect(traceroute('::1', { family: 4 }).next()).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
    const aborted = traceroute('::1', { signal: AbortSignal.abort(new Error('no')) })
    await expect(aborted.next()).rejects.toThrow('no')
  })

  it('nothing after return()', async () => {
    const hops = traceroute('127.0.0.1')
    expect(await hops.return!()).toEqual({ done: true, value: undefined })
    expect(await hops.next()).toEqual({ done: true, value: undefined })
  })
})

const target: Target = { host: 'h', address: '192.0.2.9', family: 4 }
const targetBytes = encodeAddress(target.address)

interface Sent {
  ttl: number
  sequence: number
  cancelled: boolean
  answer(outcome: PingResult['outcome'], from?: string): void
}

/** A trace without a network. The test answers the probes. */
function trace(options: Parameters<typeof checkTracerouteOptions>[1]) {
  const sent: Sent[] = []
  const hops: Hop[] = []
  const state = { ended: false, closed: false }
  const prober: Prober = {
    ready: Promise.resolve(),
    hiddenBytes: 20,
    close: () => {
      state.closed = true
    },
    send(ttl, sequence, settled) {
      const probe: Sent = {
        ttl,
        sequence,
        cancelled: false,
        answer(outcome, from) {
          const bytes = from === target.address ? targetBytes : from && encodeAddress(from)
          const empty = {
            sentAt: Number.NaN,
            rttMs: 1,
            kernelClock: true,
            bytes: 0,
            ttl: 64,
            type: 11,
            code: 0,
            mtu: 0,
          }
          const error = outcome === 'send-failed' ? new Error('no') : undefined
          settled({ ...empty, outcome, from: bytes, target: targetBytes, error, quoted: undefined } as TraceProbe)
        },
      }
      sent.push(probe)
      return () => {
        probe.cancelled = true
      }
    },
  }
  const handlers = { hop: (hop: Hop) => hops.push(hop), end: () => (state.ended = true) }
  new Trace(prober, target, checkTracerouteOptions('h', options), handlers)
  const at = (ttl: number) => sent.filter(probe => probe.ttl === ttl)
  return { sent, hops, state, at, seen: () => hops.map(hop => hop.ttl) }
}

describe('a trace', () => {
  it('has at most 16 probes in flight, and continues as they are answered', () => {
    const { sent, at } = trace({ queries: 3 })
    expect(sent.map(({ ttl }) => ttl)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5])
    for (const probe of at(3)) probe.answer('timeout')
    expect(sent.at(-1)!.ttl).toBe(6)
  })

  it('reports hops in order, whatever comes first', () => {
    const { at, seen } = trace({ queries: 1 })
    at(2)[0]!.answer('ttl-exceeded', '192.0.2.2')
    expect(seen()).toEqual([])
    at(1)[0]!.answer('timeout')
    expect(seen()).toEqual([1, 2])
  })

  it('ends with the target, and drops hops beyond it but not before it', () => {
    const { at, seen, state, sent, hops } = trace({ queries: 2 })
    at(4)[0]!.answer('reply', target.address)
    expect(sent.filter(probe => probe.cancelled).map(({ ttl }) => ttl)).toEqual([5, 5, 6, 6, 7, 7, 8, 8])
    at(3)[1]!.answer('reply', target.address)
    for (const ttl of [1, 2]) for (const probe of at(ttl)) probe.answer('ttl-exceeded', `192.0.2.${ttl}`)
    expect(seen()).toEqual([1, 2])
    expect(state).toEqual({ ended: false, closed: false })
    at(3)[0]!.answer('ttl-exceeded', '192.0.2.3')
    expect(seen()).toEqual([1, 2, 3])
    expect(state).toEqual({ ended: true, closed: true })
    // With paths of different lengths, some probes of the last hop don't reach the target.
    expect(hops[2]).toMatchObject({ reached: true, probes: [{ outcome: 'ttl-exceeded' }, { outcome: 'reply' }] })
    expect(sent).toHaveLength(16)
  })

  it('ends with a rejection, which is the target only if it comes from it', () => {
    for (const [from, reached] of [
      [target.address, true],
      ['192.0.2.1', false],
    ] as const) {
      const { at, hops, state } = trace({ queries: 1 })
      at(1)[0]!.answer('unreachable', from)
      expect(state.ended).toBe(true)
      expect(hops).toMatchObject([{ reached, address: from }])
    }
  })

  it('ends if nothing can be sent, but not after one failed probe', () => {
    const { at, state } = trace({ queries: 2 })
    at(1)[0]!.answer('send-failed')
    at(1)[1]!.answer('timeout')
    expect(state.ended).toBe(false)
    for (const probe of at(2)) probe.answer('send-failed')
    expect(state.ended).toBe(true)
  })

  it('names the host that answers most often, and shows the others', () => {
    const { at, hops } = trace({ queries: 3, maxHops: 1 })
    at(1)[0]!.answer('ttl-exceeded', '192.0.2.1')
    at(1)[2]!.answer('ttl-exceeded', '192.0.2.2')
    at(1)[1]!.answer('ttl-exceeded', '192.0.2.2')
    expect(hops[0]!.address).toBe('192.0.2.2')
    expect(hops[0]!.probes.map(({ from }) => from)).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.2'])
  })
})

describe('MPLS labels', () => {
  const extension = Buffer.from([0x20, 0, 0, 0, 0, 8, 1, 1, 0x05, 0xdc, 0x1b, 0x01])
  const sum = [0, 2, 4, 6, 8, 10].reduce((total, at) => total + extension.readUInt16BE(at), 0)
  extension.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 2)
  const label = { label: 24_001, trafficClass: 5, bottom: true, ttl: 1 }

  it.each([20, 28, 40, 48])('start 128 bytes after the start of a packet whose first %i bytes are missing', hidden => {
    const quoted = Buffer.concat([Buffer.alloc(128 - hidden, 7), extension])
    expect(labelsOf(quoted, hidden)).toEqual([label])
    expect(labelsOf(quoted.subarray(0, 100 - hidden), hidden)).toBeUndefined()
    quoted[128 - hidden + 8]! ^= 1
    expect(labelsOf(quoted, hidden)).toBeUndefined()
  })
})
