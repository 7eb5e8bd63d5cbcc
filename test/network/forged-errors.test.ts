import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ping } from '../../src/protocols/icmp/ping.js'
import type { PingResult } from '../../src/protocols/icmp/result.js'
import { lab, needs } from '../lab/index.js'

needs('nft', 'tcpdump')

const script = fileURLToPath(new URL('forged-errors.mjs', import.meta.url))
const oneMessage = fileURLToPath(new URL('icmp-error.mjs', import.meta.url))
/** The number of forgeries of each kind. */
const tries = 1000
/** Codes of destination-unreachable errors. They distinguish forged errors from the real one. */
const codes = { 4: { forged: 1, real: 13 }, 6: { forged: 0, real: 1 } } as const
const headerLength = { 4: 20, 6: 40 } as const

const families = {
  4: {
    host: lab.server.address4,
    victim: lab.wan1.address4,
    source: '10.1.0.2',
    asked: 'icmp type echo-request',
    requests: 'icmp[icmptype] = icmp-echo',
  },
  6: {
    host: lab.server.address6,
    victim: lab.wan1.address6,
    source: 'fd00:1::2',
    asked: 'icmpv6 type echo-request',
    requests: 'icmp6 and ip6[40] = 128',
  },
} as const

/** The number of ICMP messages of a kind, by default destination-unreachable errors, that this namespace has received. */
function received(family: 4 | 6, kind = 'DestUnreachs'): number {
  const table = readFileSync(`/proc/net/${family === 4 ? 'snmp' : 'snmp6'}`, 'utf8')
  if (family === 6) return Number(new RegExp(`^Icmp6In${kind}\\s+(\\d+)`, 'm').exec(table)![1])
  const [names, values] = table.match(/^Icmp: .*$/gm)!.map(line => line.split(' '))
  return Number(values![names!.indexOf(`In${kind}`)])
}

/** The position at which a quote is changed, and the length to which it is cut. */
interface Change {
  at: number
  length: number
  cut: number
}

function forgeries(family: 4 | 6, whole: number): (Change & { name: string })[] {
  const icmp = headerLength[family]
  const lastOfTarget = family === 4 ? 19 : 39
  return [
    { name: 'another cookie', at: icmp + 8, length: 8, cut: whole },
    { name: 'half of another cookie', at: icmp + 8, length: 4, cut: icmp + 12 },
    { name: 'another identifier, the right cookie', at: icmp + 4, length: 2, cut: whole },
    { name: 'another identifier, cut before the cookie', at: icmp + 4, length: 2, cut: icmp + 8 },
    { name: 'another sequence number, the right cookie', at: icmp + 6, length: 2, cut: whole },
    { name: 'another sequence number, cut before the cookie', at: icmp + 6, length: 2, cut: icmp + 8 },
    { name: 'another checksum, cut before the cookie', at: icmp + 2, length: 2, cut: icmp + 8 },
    { name: 'another target', at: lastOfTarget, length: 1, cut: whole },
    { name: 'another type of message', at: icmp, length: 1, cut: whole },
  ]
}

/** The same packet with additional headers before the ICMP header: IPv4 options (router alert), or hop-by-hop options. */
function withMoreHeaders(packet: Buffer, family: 4 | 6): Buffer {
  const header = Buffer.from(packet.subarray(0, headerLength[family]))
  const rest = packet.subarray(header.length)
  if (family === 4) {
    header[0] = 0x46
    return Buffer.concat([header, Buffer.from('94040000', 'hex'), rest])
  }
  const next = header[6]!
  header[6] = 0
  return Buffer.concat([header, Buffer.from([next, 0, 5, 2, 0, 0, 1, 0]), rest])
}

describe.each([
  { kind: 'raw', family: 4 },
  { kind: 'raw', family: 6 },
  { kind: 'datagram', family: 4 },
  { kind: 'datagram', family: 6 },
] as const)('forged ICMP errors, $kind, IPv$family', ({ kind, family }) => {
  const { host, victim, source, asked, requests } = families[family]
  const icmp = headerLength[family]

  /** Sends a ping that nobody answers. Returns it with the packet that it sent. */
  async function unanswered() {
    onTestFinished(lab.fault('internet', `${asked} drop`))
    const capture = await lab.capture('wan1', requests)
    const waiting: { result?: PingResult } = {}
    const controller = new AbortController()
    onTestFinished(() => controller.abort())
    ping(host, { kind, timeout: 60_000, signal: controller.signal }).then(
      result => Object.assign(waiting, { result }),
      () => {},
    )
    await sleep(100)
    const [request] = await capture.stop()
    return { waiting, packet: request!.frame.subarray(14) }
  }

  const order = (quote: Buffer, code: number, changes: object[], count: number) =>
    JSON.stringify({ family, source, to: victim, code, quote: quote.toString('hex'), changes, tries: count })

  test('that are almost right are never accepted, in thousands of tries', { timeout: 60_000 }, async () => {
    const { waiting, packet } = await unanswered()
    const changes = forgeries(family, packet.length)
    const before = received(family)
    const child = lab.spawn('internet', process.execPath, script, order(packet, codes[family].forged, changes, tries))
    child.stderr!.pipe(process.stderr)
    const [sent] = await once(child.stdout!, 'data')
    expect(Number(sent)).toBe(changes.length * tries)
    await expect.poll(() => received(family) - before, { timeout: 5000 }).toBeGreaterThanOrEqual(Number(sent))
    await sleep(200)
    expect(waiting.result).toBeUndefined()
  })

  const cut = (packet: Buffer) => packet.subarray(0, icmp + 8)

  const sendOne = (quote: Buffer, change: Change = { at: 0, length: 0, cut: quote.length }) =>
    lab.run('internet', process.execPath, script, order(quote, codes[family].real, [change], 1))

  async function accepted(waiting: { result?: PingResult }): Promise<void> {
    await expect.poll(() => waiting.result, { timeout: 10_000 }).toBeDefined()
    expect(waiting.result).toMatchObject({ outcome: 'unreachable', from: source, code: codes[family].real })
  }

  test.each([
    ['whole', (packet: Buffer) => packet],
    ['cut after the cookie', (packet: Buffer) => packet.subarray(0, icmp + 16)],
    ['with IP options or an extension header', (packet: Buffer) => withMoreHeaders(packet, family)],
  ])('the true one is accepted, its quote %s', { timeout: 60_000 }, async (_name, shaped) => {
    const { waiting, packet } = await unanswered()
    sendOne(shaped(packet))
    await accepted(waiting)
  })

  /** Sends forged errors, waits until they arrive, and checks that the probe is still waiting. */
  async function disbelieved(waiting: { result?: PingResult }, packet: Buffer, ...errors: [Buffer, Change?][]) {
    const before = received(family)
    for (const error of errors) sendOne(...error)
    await expect.poll(() => received(family) - before, { timeout: 5000 }).toBeGreaterThanOrEqual(errors.length)
    await sleep(200)
    expect(waiting.result).toBeUndefined()
    sendOne(packet)
    await accepted(waiting)
  }

  if (family === 4) {
    test.each([
      ['a redirect', 5, 'Redirects'],
      ['a source quench (RFC 6633)', 4, 'SrcQuenchs'],
    ])('%s about the request is advice, and the wait goes on', { timeout: 60_000 }, async (_name, type, kind) => {
      const { waiting, packet } = await unanswered()
      const before = received(4, kind)
      const body = `c0000201${packet.toString('hex')}`
      lab.run(
        'isp1',
        process.execPath,
        oneMessage,
        JSON.stringify({ family, source: '192.0.2.1', to: victim, type, body }),
      )
      await expect.poll(() => received(4, kind) - before, { timeout: 5000 }).toBeGreaterThanOrEqual(1)
      await sleep(200)
      expect(waiting.result).toBeUndefined()
      sendOne(packet)
      await accepted(waiting)
    })

    test('and cut after the ICMP header (RFC 792)', { timeout: 60_000 }, async () => {
      const { waiting, packet } = await unanswered()
      sendOne(cut(packet))
      await accepted(waiting)
    })

    test('but after one that is cut there and has another checksum, none that is cut there is accepted any more', {
      timeout: 60_000,
    }, async () => {
      const { waiting, packet } = await unanswered()
      const forged = { at: icmp + 2, length: 2, cut: icmp + 8 }
      await disbelieved(waiting, packet, [packet, forged], [cut(packet)])
    })
  } else {
    test('and one that is cut before the cookie, which no router does (RFC 4443), is not accepted', {
      timeout: 60_000,
    }, async () => {
      const { waiting, packet } = await unanswered()
      await disbelieved(waiting, packet, [cut(packet)])
    })
  }
})

describe('the sequence numbers of two sockets', () => {
  test.each(['raw', 'datagram'] as const)('start at different values, %s', async kind => {
    const capture = await lab.capture('wan1', 'icmp[icmptype] = icmp-echo')
    for (const tos of [0, 32, 64, 96])
      expect(await ping(lab.server.address4, { kind, tos })).toMatchObject({ alive: true })
    const numbers = (await capture.stop()).map(({ payload }) => payload!.readUInt16BE(6))
    expect(numbers).toHaveLength(4)
    // Consecutive numbers would be within four.
    expect(Math.max(...numbers) - Math.min(...numbers)).toBeGreaterThan(3)
  })
})
