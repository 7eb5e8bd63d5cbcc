import type { NetviaError } from '../errors.js'
import type { PathOptions } from '../options.js'
import type { Attempt } from './host-ring.js'

export interface ScannerHandlers {
  /** `code`: the error of an ICMP message that made the port `filtered`. */
  result(
    attempt: Attempt,
    state: 'open' | 'closed' | 'filtered',
    rttMs: number | undefined,
    code: string | undefined,
  ): void
  /** This machine did not try the port. To end the scan, throw the error. */
  unsent(attempt: Attempt, error: NetviaError): void
  /** All results are reported, or `error` ended the scan. */
  end(error?: unknown): void
  /** No port is tried while this returns true. */
  full(): boolean
}

interface AttemptSource {
  /** No more attempts will come. */
  readonly done: boolean
  /** The next attempt; undefined if there is none yet: `resume` when there is. */
  next(): Attempt | undefined
}

export interface ScannerOptions {
  attempts: AttemptSource
  /** Milliseconds for each attempt. */
  timeout: number
  /** Further attempts at a port without an answer. */
  retries: number
  /** Leaves out the other ports of a host that ICMP errors report as unreachable. */
  leaveUnreachable: boolean
  concurrency: number
  /** Maximum attempts per second. */
  rate: number | undefined
  path: PathOptions
}
