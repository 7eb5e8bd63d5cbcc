import type { Verdict } from '../icmp/probe/echo-request.js'

/** One probe and its outcome. */
export interface TraceProbe extends Omit<Verdict, 'tag'> {
  /** The part of the probe that an ICMP error quoted, from `Prober.hiddenBytes` on, including extensions. */
  quoted: Uint8Array | undefined
}

/** Sends probes of one method to one target. */
export interface Prober {
  /** Await this before the first `send`. */
  readonly ready: Promise<void>
  /** Bytes of a probe's headers, from the IP header on, that the kernel leaves out of a quote. */
  readonly hiddenBytes: number
  /**
   * Sends a probe with this TTL or hop limit. Calls `settled` once, in a later turn. The returned function cancels that.
   * `timeout`: milliseconds, by default those of the trace.
   */
  send(hops: number, sequence: number, settled: (probe: TraceProbe) => void, timeout?: number): () => void
  /** Call it once all probes are settled or cancelled. */
  close(): void
}

export const ipHeaderLength = { 4: 20, 6: 40 } as const
