import { noLongerNeeded } from '../../runtime/deadline.js'
import { ResultQueue } from '../../runtime/result-queue.js'
import { ResultStream } from '../../runtime/result-stream.js'
import { findTarget } from '../icmp/ping-options.js'
import type { Hop } from './hop.js'
import { nameOfHop } from './hop-name.js'
import { openProber } from './open-prober.js'
import { checkTracerouteOptions, type TracerouteOptions, type TraceSettings } from './options.js'
import { Trace } from './trace.js'

/**
 * Lists the routers on the path to a host. Returns an async iterable of hops, in order of distance. It starts with the
 * first `next()`. It ends with the hop where the target answers, where a router reports that it can't be reached, or at
 * `maxHops`. It probes several hops at a time, and cancels probes beyond the target. See docs/traceroute.md.
 *
 * `break`, `return()` and the signal end it and leave nothing open.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` at the call; the iteration rejects with the errors of `resolve` for a name;
 * `EPERM` or `EACCES` without permission for ICMP sockets; `ENODEV` if the device doesn't exist; `signal.reason` when
 * aborted. A probe that can't be sent has the outcome `send-failed`.
 */
export function traceroute(host: string, options: TracerouteOptions = {}): AsyncIterableIterator<Hop, undefined> {
  return new Traceroute(host, checkTracerouteOptions(host, options))
}

class Traceroute extends ResultStream<Hop> {
  readonly #host: string
  readonly #settings: TraceSettings
  readonly #queue: ResultQueue<Hop>
  readonly #stop = new AbortController()
  #trace: Trace | undefined
  /** Each hop waits for its names, and for the hops before it. */
  #reported: Promise<void> = Promise.resolve()

  constructor(host: string, settings: TraceSettings) {
    const queue = new ResultQueue<Hop>({ ended: () => this.#end() })
    super(queue, settings.signal, () => this.#run())
    this.#queue = queue
    this.#host = host
    this.#settings = settings
  }

  async #run(): Promise<void> {
    const settings = { ...this.#settings, signal: this.#stop.signal }
    const target = await findTarget(this.#host, settings)
    if (this.#stop.signal.aborted) return
    const prober = openProber(target, settings)
    await prober.ready
    if (this.#stop.signal.aborted) return prober.close()
    this.#trace = new Trace(prober, target, settings, {
      hop: hop => this.#report(hop),
      end: () => void this.#reported.then(() => this.#queue.end()),
    })
  }

  #report(hop: Hop): void {
    const named = this.#withName(hop)
    this.#reported = this.#reported.then(async () => this.#queue.push(await named))
  }

  async #withName(hop: Hop): Promise<Hop> {
    if (!this.#settings.names || hop.address === undefined) return hop
    const name = await nameOfHop(hop.address, this.#settings, this.#stop.signal)
    return name === undefined ? hop : { ...hop, name }
  }

  #end(): void {
    this.#trace?.stop()
    this.#stop.abort(noLongerNeeded)
  }
}
