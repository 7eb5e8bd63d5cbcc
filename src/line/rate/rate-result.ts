import type { NetviaError } from '../../errors.js'
import type { PingStatistics } from '../../stats.js'

/** What a machine did, not the line. The line's rate is then at least the measured one. */
export interface RateLimit {
  /** The machine: this one, or the server. */
  readonly side: 'client' | 'server'
  /**
   * `processor`: its event loop had no time left. `receive-window`: it accepted no more (`net.ipv4.tcp_rmem`, or a slow
   * program). `send-buffer`: it had too little to send (`net.ipv4.tcp_wmem`, or a slow program). `queue`: the queueing
   * discipline of its device dropped or shaped packets, so the rate may be that of the device or its shaper.
   */
  readonly what: 'processor' | 'receive-window' | 'send-buffer' | 'queue'
  /** What shows it. */
  readonly evidence: string
}

/** One direction of a line under load. */
export interface RateDirection {
  /**
   * Rate of the line in bits per second, counted as shapers do: Ethernet frames with the headers of TCP and IP, without frame
   * check sequence. The start of the load, until the rate no longer grows, is left out.
   */
  readonly bitsPerSecond: number
  /** The payload of TCP alone: what a program gets. */
  readonly goodputBitsPerSecond: number
  /** False if the first and second half of the measured time differ by more than a tenth. */
  readonly steady: boolean
  /** Milliseconds that were measured. */
  readonly measuredMs: number
  /** Milliseconds at the start that were left out. */
  readonly rampMs: number
  /** Payload bytes sent in all, with those sent again. */
  readonly bytes: number
  /** Pings of the server under load: round trips, jitter, loss. `p50Ms` is the median. */
  readonly latency: PingStatistics
  /** Median of the round trips of the loaded connections (RFC 6298), in milliseconds. Longer than ping's where flows queue separately. */
  readonly tcpRttMs: number
  /** Share of the payload that was sent again, 0-1. */
  readonly retransmitRatio: number
  /** What a machine did. Empty: nothing shows that it was not the line that limited the rate. */
  readonly limitedBy: readonly RateLimit[]
}

interface RateParts {
  /** Pings of the server before the load. */
  readonly idle: PingStatistics | undefined
  /** From the server. */
  readonly down: RateDirection | undefined
  /** To the server. */
  readonly up: RateDirection | undefined
}

/** Both directions were measured. */
export interface RateFound extends RateParts {
  /** Both directions were measured. */
  readonly ok: true
  /** The server's address and port. */
  readonly server: string
  readonly idle: PingStatistics
  readonly down: RateDirection
  readonly up: RateDirection
  /** A measurement that succeeded has no error. */
  readonly error: undefined
}

/** The measurement ended early. What was known by then is there. */
export interface RateUnknown extends RateParts {
  /** The measurement ended early. */
  readonly ok: false
  /** Why. */
  readonly error: NetviaError
}

/** The result of `measureRate`. `ok` distinguishes the two kinds. */
export type RateResult = RateFound | RateUnknown
