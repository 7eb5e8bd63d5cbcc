import type { NetviaError } from '../../../errors.js'
import { integer, number, oneOf, type Schema } from '../../../options.js'
import { pathOf } from '../../../options.js'
import { type PingStatistics, RttCounter } from '../../../stats.js'
import { resolve } from '../../dns/resolve.js'
import { ResultQueue } from '../../result-queue.js'
import { EchoTemplate } from '../echo-template.js'
import { checkPingOptions, defaultPayloadSize, type PingOptions, pingSchema } from '../ping-options.js'
import type { PingResult } from '../result.js'
import { SweepRun } from './sweep-run.js'
import { countTargets, type Targets } from './target-source.js'

export interface SweepOptions extends PingOptions {
  /** Requests a second altogether. Default: as fast as the answers can be read without loss of our own. */
  rate?: number
  /** Further requests to a target that is silent, 0-100. Default 0. */
  retries?: number
  /** Milliseconds, for the answer to each request. Default 1000. */
  timeout?: number
  /** Requests in flight at most. Default: what the receive buffer holds, less while the kernel drops packets. */
  concurrency?: number
}

/** Counts of targets, but for `sent`, `retried` and `dropped`. */
export interface SweepProgress {
  /** Targets in all; `undefined` while an iterable has not told its end. */
  total: number | undefined
  /** Requests that left. */
  sent: number
  /** Of those, to targets that had been silent. */
  retried: number
  /** Something came back from them, an ICMP error included. */
  answered: number
  /** The verdict is in. */
  done: number
  inFlight: number
  /** Without a verdict, those in flight included. */
  remaining: number | undefined
  /** Packets the kernel dropped because the receive buffer was full: this machine's loss, not the network's. */
  dropped: number
  elapsedMs: number
  /** Targets done a second, on average. */
  rate: number
  etaMs: number | undefined
}

const schema: Schema = {
  ...pingSchema,
  rate: number(0.001, 10_000_000),
  retries: integer(0, 100),
  concurrency: integer(1, 60_000),
  family: oneOf(4, 6),
}
