import type { Socket } from 'node:net'
import { networkError } from '../../checks/outcome.js'
import { joinHostPort, NetviaError, shown } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import {
  type CommonOptions,
  checkOptions,
  commonSchema,
  milliseconds,
  oneOf,
  pathOf,
  type Schema,
} from '../../options.js'
import { nameTimeout, resolveFirst } from '../../protocols/dns/resolve.js'
import { dnsServers } from '../../protocols/dns/server-address.js'
import { connect } from '../../protocols/tcp/connect.js'
import { SerialQueue } from '../../runtime/serial-queue.js'
import { unmapped } from '../../sockets/ip.js'
import type { PingStatistics } from '../../stats.js'
import { answerTimeout, stunPort } from '../nat.js'
import { serverAddress } from '../server-address.js'
import { Channel, type Message, proofOf, protocolName } from './channel.js'
import { DeviceQueue } from './device-queue.js'
import { busyEvidence, judgeLoad, type LoadJudgement } from './judge-load.js'
import { LatencyProbe } from './latency-probe.js'
import { activeMs, decodeSamples, type LoadSample } from './load-sample.js'
import { connections, duration, loadBytes, loadConnections, loadMs, maxBytes, token } from './rate-limits.js'
import type { RateDirection, RateFound, RateLimit, RateResult, RateUnknown } from './rate-result.js'
import { reset, sendLoad } from './send-load.js'

/** Options of `measureRate`. */
export interface MeasureRateOptions extends CommonOptions {
  /** The token of the server: 16 characters or more. Only a proof of it is sent. */
  token: string
  /** Milliseconds of each direction, 1000-60,000. Default: 10,000. */
  duration?: number
  /**
   * Payload bytes of each direction, 100,000 or more. The load ends early then. Lost data, headers and what still waits in queues
   * at the end come on top. Default: 500,000,000.
   */
  maxBytes?: number
  /** TCP connections of each direction, 1-16. Default: 4. */
  connections?: number
  /** Address family. Default: that of the address; for a name, that of its first address. */
  family?: 4 | 6
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /** Milliseconds for each connection and answer of the server without load. Default: 2000. */
  timeout?: number
}

export const rateSchema = { token, duration, maxBytes, connections } satisfies Schema

const schema: Schema = {
  ...commonSchema,
  ...rateSchema,
  family: oneOf(4, 6),
  servers: dnsServers,
  timeout: milliseconds,
}

/** All of this process: uplinks may share a bottleneck. */
const measurements = new SerialQueue()

/**
 * Measures rate and latency of a path under load, down and then up, against a server of yours (`serveLine` with a token). It moves
 * as much data as the line carries for 10 s in each direction, up to `maxBytes`. Measurements of a process run one after the other.
 *
 * The rate is that of several TCP connections by the kernel's counters. Round trips under load are those of pings beside them.
 *
 * `server` is `host`, `host:port` or `[IPv6 address]:port`; the port is 3478 by default.
 *
 * @throws NetviaError for local errors: bad options; `ENODEV` if the device doesn't exist; `EACCES`, `EPERM` where ping is not
 * allowed; `signal.reason` when aborted.
 */
export async function measureRate(server: string, given: MeasureRateOptions): Promise<RateResult> {
  const place = serverAddress(server, 'measureRate: server', stunPort)
  const options = checkOptions('measureRate', given, schema, ['token'])
  const { device, signal = new AbortController().signal } = options
  signal.throwIfAborted()
  const known: Known = { idle: undefined, down: undefined, up: undefined }
  const work = async (): Promise<RateResult> => {
    signal.throwIfAborted()
    try {
      return await measure(place, { ...options, signal }, known)
    } catch (error) {
      return { ok: false, ...known, error: networkError(error, signal, device) }
    }
  }
  return orAborted(measurements.run(work), signal)
}

type Known = { -readonly [Key in 'idle' | 'down' | 'up']: RateUnknown[Key] }

/** Waits no longer than the signal: a call whose turn has not come ends immediately too. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

interface Measurement extends MeasureRateOptions {
  readonly address: string
  readonly port: number
  readonly signal: AbortSignal
}

/** Milliseconds of pings before the load. */
const idleMs = 1000
/** Milliseconds for an answer that waits behind the load. */
const queuedMs = 10_000
const longestReport = 500_000
const longestMessage = 512

async function measure(
  { host, port }: { host: string; port: number },
  options: MeasureRateOptions & { signal: AbortSignal },
  known: Known,
): Promise<RateFound> {
  const { family, servers, signal, timeout = answerTimeout } = options
  const found = await resolveFirst(host, { ...pathOf(options), family, servers, timeout: nameTimeout, signal })
  const measurement = { ...options, address: unmapped(found.address), port }
  const { channel, nonce } = await openChannel(measurement, longestReport)
  try {
    const { duration: milliseconds = loadMs, maxBytes: bytes = loadBytes } = options
    channel.send({ do: 'measure', proof: proofOf(options.token, nonce), milliseconds, bytes })
    const granted = grantOf(await channel.receive(timeout, signal), measurement)
    known.idle = await idleLatency(measurement)
    known.down = await measureDown(measurement, channel, granted)
    known.up = await measureUp(measurement, channel, granted)
    const { idle, down, up } = known
    return { ok: true, server: joinHostPort(measurement.address, port), idle, down, up, error: undefined }
  } finally {
    channel.close()
  }
}

async function openChannel(measurement: Measurement, limit: number): Promise<{ channel: Channel; nonce: string }> {
  const { address: host, port, device, timeout = answerTimeout, signal } = measurement
  const channel = new Channel(await connect({ ...pathOf(measurement), host, port, timeout, signal }), limit, device)
  try {
    const { protocol, nonce } = await channel.receive(timeout, signal)
    if (protocol !== protocolName || typeof nonce !== 'string') throw notUnderstood(measurement)
    return { channel, nonce }
  } catch (error) {
    channel.close()
    throw error
  }
}

interface Grant {
  readonly session: string
  readonly milliseconds: number
  readonly bytes: number
}

/** Never more than was asked for. */
function grantOf({ refused, session, milliseconds, bytes }: Message, measurement: Measurement): Grant {
  if (typeof refused === 'string')
    throw failure('ERR_RATE_REFUSED', `the server refuses: ${shown(refused)}`, measurement)
  if (typeof session !== 'string' || !isAmount(milliseconds) || !isAmount(bytes)) throw notUnderstood(measurement)
  const { duration = loadMs, maxBytes = loadBytes } = measurement
  return { session, milliseconds: Math.min(milliseconds, duration), bytes: Math.min(bytes, maxBytes) }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 1
}

function notUnderstood(measurement: Measurement): NetviaError {
  return failure('EPROTO', 'this is no netvia line --serve that measures rates', measurement)
}

function failure(code: string, words: string, { address, port, device }: Measurement): NetviaError {
  const where = joinHostPort(address, port) + (device === undefined ? '' : ` on device ${device}`)
  return new NetviaError(`rate ${code}: ${words} (${where})`, { code, syscall: 'rate', address, port, device })
}

async function idleLatency(measurement: Measurement): Promise<PingStatistics> {
  const probe = probeOf(measurement, idleMs)
  try {
    return await orAborted(probe.between(0, idleMs - 1), measurement.signal)
  } finally {
    probe.close()
  }
}

function probeOf(measurement: Measurement, milliseconds: number): LatencyProbe {
  return new LatencyProbe(measurement.address, pathOf(measurement), milliseconds)
}

/** Connections that carry the load of one direction. */
async function openCarriers(measurement: Measurement, { session }: Grant, direction: 'down' | 'up'): Promise<Socket[]> {
  const { connections: count = loadConnections, timeout = answerTimeout, signal } = measurement
  const opened = await Promise.allSettled(
    Array.from({ length: count }, async () => {
      const { channel } = await openChannel(measurement, longestMessage)
      channel.send({ do: 'carry', session, direction })
      try {
        await channel.receive(timeout, signal)
      } catch (error) {
        channel.close()
        throw error
      }
      return channel.release()
    }),
  )
  const sockets = opened.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = opened.find(one => one.status === 'rejected')
  if (failed) {
    reset(sockets)
    throw failed.reason
  }
  return sockets
}

async function measureDown(measurement: Measurement, channel: Channel, grant: Grant): Promise<RateDirection> {
  const sockets = await openCarriers(measurement, grant, 'down')
  const probe = probeOf(measurement, grant.milliseconds)
  try {
    let received = 0
    const count = (data: Buffer) => {
      received += data.length
      if (received > grant.bytes) channel.refuse(`the server sends more than ${grant.bytes} bytes`)
    }
    for (const socket of sockets) socket.on('data', count)
    const [began, active] = [monotonicNow(), activeMs()]
    channel.send({ start: 'down' })
    const report = await channel.receive(grant.milliseconds + queuedMs, measurement.signal)
    const samples = decodeSamples(report.samples)
    if (!samples) throw notUnderstood(measurement)
    const receiverActive = (activeMs() - active) / (monotonicNow() - began)
    const load = judged(measurement, samples, sockets.length)
    return await direction(
      measurement,
      load,
      probe,
      limitsOf(load, { sender: 'server', receiver: 'client' }, receiverActive),
    )
  } finally {
    probe.close()
    reset(sockets)
  }
}

async function measureUp(measurement: Measurement, channel: Channel, grant: Grant): Promise<RateDirection> {
  const { device, signal } = measurement
  const sockets = await openCarriers(measurement, grant, 'up')
  const probe = probeOf(measurement, grant.milliseconds)
  try {
    channel.send({ start: 'up' })
    const queue = device === undefined ? undefined : new DeviceQueue(device)
    const samples = await sendLoad(sockets, { ...grant, signal })
    const shaped = queue?.evidence()
    channel.send({ stop: true })
    const { active } = await channel.receive(queuedMs, signal)
    const load = judged(measurement, samples, sockets.length)
    const limits = limitsOf(load, { sender: 'client', receiver: 'server' }, Number(active))
    if (shaped !== undefined) limits.push({ side: 'client', what: 'queue', evidence: shaped })
    return await direction(measurement, load, probe, limits)
  } finally {
    probe.close()
    reset(sockets)
  }
}

function judged(measurement: Measurement, samples: readonly LoadSample[], count: number): LoadJudgement {
  const load = judgeLoad(samples, count)
  if (load) return load
  const words = 'too little went through to show a rate; a longer duration or more maxBytes may help'
  throw failure('ERR_RATE_UNKNOWN', words, measurement)
}

function limitsOf(
  { heldBack }: LoadJudgement,
  sides: Record<'sender' | 'receiver', RateLimit['side']>,
  receiverActive: number,
): RateLimit[] {
  const limits: RateLimit[] = heldBack.map(({ by, what, evidence }) => ({ side: sides[by], what, evidence }))
  const evidence = busyEvidence(receiverActive)
  if (evidence !== undefined) limits.push({ side: sides.receiver, what: 'processor', evidence })
  return limits
}

async function direction(
  { signal }: Measurement,
  load: LoadJudgement,
  probe: LatencyProbe,
  limitedBy: RateLimit[],
): Promise<RateDirection> {
  const { bitsPerSecond, goodputBitsPerSecond, steady, fromMs, toMs, bytes, tcpRttMs, retransmitRatio } = load
  const latency = await orAborted(probe.between(fromMs, toMs), signal)
  return {
    ...{ bitsPerSecond, goodputBitsPerSecond, steady, measuredMs: toMs - fromMs, rampMs: fromMs, bytes },
    ...{ latency, tcpRttMs, retransmitRatio, limitedBy },
  }
}
