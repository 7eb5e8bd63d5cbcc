import type { Socket } from 'node:net'
import { isIPv4 } from '../../builtins.js'
import { unmapped } from '../../sockets/ip.js'
import { tcpInfo } from '../../sockets/tcp-info.js'

/** The sender's counters `atMs` after its load began: sums over its connections. They are the kernel's (TCP_INFO). */
export interface LoadSample {
  readonly atMs: number
  /** Bytes of the Ethernet frames that have arrived at the receiver, in order or not. */
  readonly frameBytes: number
  /** Payload that the receiver has acknowledged. */
  readonly payloadBytes: number
  readonly sentBytes: number
  readonly retransmittedBytes: number
  readonly busyMs: number
  readonly receiveWindowMs: number
  readonly sendBufferMs: number
  /** Mean of the smoothed round trips. */
  readonly rttMs: number
  /** Shortest round trip. */
  readonly minRttMs: number
  /** Time that the sender's event loop has been active. */
  readonly activeMs: number
}

/** Those that never fall. */
const growing = ['frameBytes', 'payloadBytes', 'sentBytes', 'retransmittedBytes'] as const
const others = ['busyMs', 'receiveWindowMs', 'sendBufferMs', 'rttMs', 'minRttMs', 'activeMs'] as const
const fields = ['atMs', ...growing, ...others] as const

/** As they travel: rows of numbers. */
export function encodeSamples(samples: readonly LoadSample[]): number[][] {
  return samples.map(sample => fields.map(name => Number(sample[name].toFixed(3))))
}

/** Undefined for anything that no sender reports. */
export function decodeSamples(value: unknown): LoadSample[] | undefined {
  if (!Array.isArray(value)) return undefined
  const samples = value.map(decodeSample)
  const inOrder = samples.every((sample, i) => sample && (i === 0 || follows(sample, samples[i - 1]!)))
  return inOrder ? (samples as LoadSample[]) : undefined
}

function follows(sample: LoadSample, before: LoadSample): boolean {
  return sample.atMs > before.atMs && growing.every(name => sample[name] >= before[name])
}

function decodeSample(row: unknown): LoadSample | undefined {
  if (!Array.isArray(row) || row.length !== fields.length) return undefined
  if (!row.every(number => typeof number === 'number' && number >= 0 && number <= Number.MAX_SAFE_INTEGER))
    return undefined
  return Object.fromEntries(fields.map((name, i) => [name, row[i]])) as unknown as LoadSample
}

/** Ethernet's header, without the frame check sequence, as a shaper counts it. */
const ethernetHeader = 14
const tcpHeader = 20
const timestampOption = 12

/** Counts what one connection delivers. */
export class ConnectionMeter {
  readonly #socket: Socket
  readonly #ipHeader: number
  readonly #first: Counters
  #last: Counters
  #frameBytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
    this.#ipHeader = isIPv4(unmapped(socket.remoteAddress ?? '')) ? 20 : 40
    this.#first = this.#last = countersOf(socket)
  }

  read(): Omit<LoadSample, 'atMs' | 'activeMs'> {
    if (!this.#socket.destroyed) {
      const now = countersOf(this.#socket)
      // The segments are full, because there is always more to send. Its size changes with the path MTU.
      const segment = now.mss + (now.timestamps ? timestampOption : 0) + tcpHeader + this.#ipHeader + ethernetHeader
      this.#frameBytes += (now.delivered - this.#last.delivered) * segment
      this.#last = now
    }
    const since = (name: keyof Counters) => Number(this.#last[name]) - Number(this.#first[name])
    return {
      frameBytes: this.#frameBytes,
      payloadBytes: since('acknowledged'),
      sentBytes: since('sent'),
      retransmittedBytes: since('retransmitted'),
      busyMs: since('busyMs'),
      receiveWindowMs: since('receiveWindowMs'),
      sendBufferMs: since('sendBufferMs'),
      rttMs: this.#last.rttMs,
      minRttMs: this.#last.minRttMs,
    }
  }
}

interface Counters {
  readonly mss: number
  readonly timestamps: boolean
  readonly delivered: number
  readonly acknowledged: number
  readonly sent: number
  readonly retransmitted: number
  readonly busyMs: number
  readonly receiveWindowMs: number
  readonly sendBufferMs: number
  readonly rttMs: number
  readonly minRttMs: number
}

function countersOf(socket: Socket): Counters {
  const info = tcpInfo(socket)
  return {
    mss: info.mss ?? 0,
    timestamps: info.timestamps,
    delivered: info.segmentsDelivered ?? 0,
    acknowledged: info.bytesAcknowledged ?? 0,
    sent: info.bytesSent ?? 0,
    retransmitted: info.bytesRetransmitted ?? 0,
    busyMs: info.busyMs ?? 0,
    receiveWindowMs: info.receiveWindowLimitedMs ?? 0,
    sendBufferMs: info.sendBufferLimitedMs ?? 0,
    rttMs: info.rttMs ?? 0,
    minRttMs: info.minRttMs ?? 0,
  }
}

/** The sum over all connections. */
export function sampleOf(meters: readonly ConnectionMeter[], atMs: number): LoadSample {
  const all = meters.map(meter => meter.read())
  const sum = (name: keyof (typeof all)[number]) => all.reduce((total, one) => total + one[name], 0)
  return {
    atMs,
    frameBytes: sum('frameBytes'),
    payloadBytes: sum('payloadBytes'),
    sentBytes: sum('sentBytes'),
    retransmittedBytes: sum('retransmittedBytes'),
    busyMs: sum('busyMs'),
    receiveWindowMs: sum('receiveWindowMs'),
    sendBufferMs: sum('sendBufferMs'),
    rttMs: sum('rttMs') / all.length,
    minRttMs: Math.min(...all.map(one => one.minRttMs)),
    activeMs: activeMs(),
  }
}

/** Time that this thread's event loop has been active; 0 where the runtime doesn't count it. */
export function activeMs(): number {
  return performance.eventLoopUtilization?.().active ?? 0
}
