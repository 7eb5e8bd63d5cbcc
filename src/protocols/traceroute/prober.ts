import type { Verdict } from '../icmp/probe/echo-request.js'

/** One probe and what became of it. */
export interface TraceProbe extends Omit<Verdict, 'tag'> {
  /** What an ICMP error quoted of the probe, from behind `Prober.hiddenBytes` on, extensions included. */
  quoted: Uint8Array | undefined
}

/** Sends probes of one method to one target. */
export interface Prober {
  /** To be awaited before the first `send`. */
  readonly ready: Promise<void>
  /** Headers of a probe, the IP header first, that the kernel does not hand over with a quote. */
  readonly hiddenBytes: number
  /**
   * Sends one, with this TTL or hop limit. Calls `settled` once, in a later turn. Returns what ends the waiting: nothing
   * is called then. `timeout` in milliseconds, default: that of the trace.
   */
  send(hops: number, sequence: number, settled: (probe: TraceProbe) => void, timeout?: number): () => void
  /** After all probes are settled or cancelled. */
  close(): void
}

export const ipHeaderLength = { 4: 20, 6: 40 } as const
