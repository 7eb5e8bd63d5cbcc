import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ping } from '../../src/protocols/icmp/ping.js'
import { pings } from '../../src/protocols/icmp/pings.js'
import type { PingResult } from '../../src/protocols/icmp/result.js'
import { openIcmp } from '../../src/protocols/icmp/socket/icmp-socket.js'
import { type CapturedPacket, lab, needs } from '../lab/index.js'

const server = lab.server.address4

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** How to capture each family's echo requests. */
const families = {
  4: { slow: lab.slow.address4, filter: 'icmp', request: 8, requests: 'icmp[icmptype] = icmp-echo' },
  6: { slow: lab.slow.address6, filter: 'icmp6', request: 128, requests: 'icmp6 and ip6[40] = 128' },
} as const

/**
 * Round-trip times on the wire by the sequence numbers of the results. Numbers on the wire start anywhere, and tcpdump may miss packets
 * on a busy machine. So the send time of the first captured request identifies its result.
 */
function wireTimes(packets: CapturedPacket[], request: number, results: PingResult[]): Map<number, number> {
  const requests = new Map<number, number>()
  const times = new Map<number, number>()
  const first = packets.find(({ payload }) => payload![0] === request)!
  const away = ({ sentAt }: PingResult) => Math.abs(sentAt - first.timeMs)
  const { sequence: firstSequence } = results.reduce((best, result) => (away(result) < away(best) ? result : best))
  const begin = first.payload!.readUInt16BE(6) - firstSequence
  for (const { payload, timeMs } of packets) {
    const sequence = (payload!.readUInt16BE(6) - begin) & 0xffff
    const asked = requests.get(sequence)
    if (payload![0] === request) requests.set(sequence, timeMs)
    else if (asked !== undefined) times.set(sequence, timeMs - asked)
  }
  return times
}

describe.each([
  ['datagram', 4],
  ['raw', 4],
  ['datagram', 6],
  ['raw', 6],
] as const)('an event loop that is blocked, %s, IPv%i', (kind, family) => {
  needs('tcpdump')
  const { slow, filter, request } = families[family]

  test('300 ms at a time: no reply is lost, and each round trip is the one on the wire', {
    timeout: 60_000,
  }, async () => {
    const relay = await lab.relay({ delayMs: 5 })
    const capture = await lab.capture('slow0', filter)
    const timeout = 250
    const series = pings(slow, { kind, count: 300, interval: 10, timeout })
    const blocker = setInterval(() => block(300), 500)
    const results: PingResult[] = []
    for await (const result of series) results.push(result)
    clearInterval(blocker)
    const wire = wireTimes(await capture.stop(), request, results)
    await relay.stop()
    expect(results).toHaveLength(300)
    // On a busy machine, the relay may hold a packet for longer than the timeout, or lose it. The wire shows that too.
    const inTime = results.filter(({ sequence }) => wire.get(sequence)! < timeout - 1)
    expect(inTime.length).toBeGreaterThan(200)
    expect(inTime.filter(({ outcome, clock }) => outcome !== 'reply' || clock !== 'kernel')).toEqual([])
    const errors = inTime.map(({ sequence, rttMs }) => Math.abs(rttMs! - wire.get(sequence)!)).sort((a, b) => a - b)
    expect(errors[Math.floor(errors.length / 2)]).toBeLessThan(0.1)
    // Between its two time stamps, a packet may have to wait for a processor.
    expect(errors[Math.floor(errors.length * 0.9)]).toBeLessThan(1)
    const received = results.filter(({ outcome }) => outcome === 'reply').length
    expect(series.statistics.sent).toBe(300)
    // The statistics also count what came after the timeout.
    expect(series.statistics.received).toBeGreaterThanOrEqual(received)
  })
})

describe.each([
  { family: 4, host: lab.server.address4, victim: lab.wan1.address4, other: '10.1.0.2' },
  { family: 6, host: lab.server.address6, victim: lab.wan1.address6, other: 'fd00:1::2' },
] as const)('spoofed replies, IPv$family', ({ family, host, victim, other }) => {
  needs('nft', 'tcpdump')
  const tries = 5000

  test('wrong cookie from the right source, right cookie from a wrong source: never, in thousands of tries', async () => {
    onTestFinished(lab.fault('internet', `${family === 4 ? 'icmp' : 'icmpv6'} type echo-request drop`))
    const capture = await lab.capture('wan1', families[family].requests)
    const waiting = ping(host, { kind: 'raw', timeout: 8000 })
    await sleep(100)
    const [request] = await capture.stop()
    const wire = request!.payload!
    const numbers = { identifier: wire.readUInt16BE(4), sequence: wire.readUInt16BE(6) }
    const message = { ...numbers, payload: wire.subarray(8).toString('hex') }
    const replies = [
      { source: host, message: { ...message, guess: true } },
      { source: other, message },
    ]
    using witness = openIcmp({ family, kind: 'raw' })
    let seen = 0
    witness.on('message', received => {
      if (received.kind === 'echo-reply' && received.identifier === numbers.identifier) seen++
    })
    const spoofer = fileURLToPath(new URL('spoofer.mjs', import.meta.url))
    const order = JSON.stringify({ family, victim, replies, tries })
    const child = lab.spawn('internet', process.execPath, spoofer, order)
    child.stderr!.pipe(process.stderr)
    const [sent] = await once(child.stdout!, 'data')
    expect(Number(sent)).toBe(2 * tries)
    await expect.poll(() => seen).toBe(2 * tries)
    expect(await waiting).toMatchObject({ outcome: 'timeout' })
  })
})

describe('an unprivileged user', () => {
  const script = `
    import { ping } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
    for (const { host, ...options } of ${JSON.stringify([{ host: server, device: 'wan2' }, { host: lab.server.address6 }])}) {
      const { outcome, clock } = await ping(host, options).catch(error => ({ outcome: error.code, clock: error.hint }))
      console.log(outcome, clock)
    }`
  const asNobody = () =>
    lab.run(
      'router',
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    )

  test('pings by a datagram socket, bound to a device, with kernel times', () => {
    expect(asNobody()).toBe('reply kernel\nreply kernel\n')
  })

  test('is shown three ways to get permission where the sysctl forbids it', () => {
    lab.run('router', 'sysctl', '-qw', 'net.ipv4.ping_group_range=1 0')
    const said = asNobody()
    lab.run('router', 'sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647')
    const lines = said.trim().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines) expect(line).toMatch(/^(EPERM|EACCES) .*ping_group_range.*setcap cap_net_raw.*root/)
  })
})

describe('a series', () => {
  needs('nft')

  test('a device that is deleted and made again: failures with the reason, then replies again', async () => {
    const first = lab.addDevice('usb0')
    const controller = new AbortController()
    const outcomes: string[] = []
    const follow = (async () => {
      for await (const { outcome, error } of pings(server, {
        device: 'usb0',
        interval: 20,
        timeout: 300,
        signal: controller.signal,
      })) {
        outcomes.push(error ? `${outcome} ${error.code}` : outcome)
      }
    })()
    follow.catch(() => {})
    await expect.poll(() => outcomes.at(-1)).toBe('reply')
    first.remove()
    await expect.poll(() => outcomes.at(-1)).toBe('send-failed ENODEV')
    lab.addDevice('usb0')
    await expect.poll(() => outcomes.at(-1)).toBe('reply')
    controller.abort(new Error('enough'))
    await expect(follow).rejects.toThrow('enough')
    expect(new Set(outcomes)).not.toContain('timeout')
  })

  test('a late reply takes back its loss; duplicates and reordering are counted', async () => {
    // So late that the first timeout is seen before, also on a busy machine.
    const relay = await lab.relay({ delayMs: 400, duplicate: 1, direction: 'back' })
    const series = pings(lab.slow.address4, { count: 20, interval: 25, timeout: 50 })
    const outcomes: string[] = []
    let lossAtFirst: number | undefined
    for await (const { outcome } of series) {
      outcomes.push(outcome)
      lossAtFirst ??= series.statistics.lossRatio
      if (outcomes.length < 19) continue
      await expect.poll(() => series.statistics).toMatchObject({ received: 20, duplicates: 20 })
    }
    await relay.stop()
    expect(new Set(outcomes)).toEqual(new Set(['timeout']))
    expect(lossAtFirst).toBe(1)
    expect(series.statistics).toMatchObject({ sent: 20, received: 20, duplicates: 20, lossRatio: 0 })
    expect(series.statistics.minMs).toBeGreaterThan(399)
  })
})
