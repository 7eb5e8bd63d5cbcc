import { addon } from '../binding/addon.js'
import { monotonicNow } from '../monotonic.js'
import { pathOf } from '../options.js'
import { nameTimeout, resolveFirst } from '../protocols/dns/resolve.js'
import { ResultQueue } from '../runtime/result-queue.js'
import { unmapped } from '../sockets/ip.js'
import { verifyDevice } from '../sockets/open.js'
import { onDeviceChange } from '../system/netlink/changes.js'
import type { ScanOptions } from './scan-ports.js'
import { Scanner } from './scanner.js'

/** `open`: it accepts connections. `closed`: refused. `filtered`: no answer in time, or an ICMP error. */
export type PortState = 'open' | 'closed' | 'filtered'

/** The verdict on one port. */
export interface PortResult {
  /** 1-65535. */
  readonly port: number
  /** `closed`: refused. `filtered`: no answer in time, or an ICMP error. */
  readonly state: PortState
  /** The handshake as the kernel timed it where open; until the refusal or the ICMP error was seen; undefined without an answer. */
  readonly rttMs?: number
  /** What an ICMP error said, such as `EHOSTUNREACH` or `EACCES`; undefined for plain silence. */
  readonly code?: string
}

/** How far a scan has come. */
export interface ScanProgress {
  /** Ports to scan. */
  readonly total: number
  /** Ports with a verdict: `open + closed + filtered`. */
  readonly done: number
  /** Ports that accepted a connection. */
  readonly open: number
  /** Ports that refused. */
  readonly closed: number
  /** Ports without an answer, or with an ICMP error. */
  readonly filtered: number
  /** Connections being tried now. */
  readonly inFlight: number
  /** Since the scan began, in milliseconds; once it has ended, how long it took. */
  readonly elapsedMs: number
  /** Verdicts a second so far; 0 before the first. */
  readonly rate: number
  /** Time left at that rate; undefined before the first verdict. */
  readonly etaMs?: number
}

/** Verdicts kept for a slow consumer before the scan pauses. */
const capacity = 4096

/** A scan: starts when it is first iterated or asked for `open()`, and can be consumed once. */
export class PortScan implements AsyncIterableIterator<PortResult, undefined> {
  readonly #host: string
  readonly #ports: readonly number[]
  readonly #options: ScanOptions
  readonly #results = new ResultQueue<PortResult>({ drained: () => this.#scanner?.resume() })
  readonly #counts = { open: 0, closed: 0, filtered: 0 }
  readonly #resolving = new AbortController()
  #scanner: Scanner | undefined
  #unsubscribe: (() => void) | undefined
  #startedAt: number | undefined
  #endedAt: number | undefined

  constructor(host: string, ports: readonly number[], options: ScanOptions) {
    this.#host = host
    this.#ports = ports
    this.#options = options
    options.signal?.addEventListener('abort', this.#onAbort)
    if (options.signal?.aborted) this.#onAbort()
  }

  /** How far it has come, as of now. */
  get progress(): ScanProgress {
    const { open, closed, filtered } = this.#counts
    const total = this.#ports.length
    const done = open + closed + filtered
    const elapsedMs = this.#startedAt === undefined ? 0 : (this.#endedAt ?? monotonicNow()) - this.#startedAt
    const rate = done === 0 ? 0 : (done / elapsedMs) * 1000
    const etaMs = done === 0 ? undefined : ((total - done) / rate) * 1000
    const inFlight = this.#endedAt === undefined ? (this.#scanner?.inFlight ?? 0) : 0
    return { total, done, open, closed, filtered, inFlight, elapsedMs, rate, etaMs }
  }

  /** Scans to the end, and resolves with the open ports, sorted. */
  async open(): Promise<number[]> {
    const ports: number[] = []
    for await (const { port, state } of this) if (state === 'open') ports.push(port)
    return ports.sort((a, b) => a - b)
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next verdict; the first call starts the scan. */
  next(): Promise<IteratorResult<PortResult, undefined>> {
    if (this.#startedAt === undefined && this.#endedAt === undefined) this.#start()
    return this.#results.next()
  }

  /** Ends it now; what is in flight is closed. */
  return(): Promise<IteratorResult<PortResult, undefined>> {
    this.#end()
    this.#results.clear()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** The same as `return()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  readonly #onAbort = () => {
    this.#results.clear()
    this.#end({ reason: this.#options.signal!.reason })
  }

  #start(): void {
    this.#startedAt = monotonicNow()
    this.#scan().catch(reason => this.#end({ reason }))
  }

  async #scan(): Promise<void> {
    const path = pathOf(this.#options)
    const { family, timeout = 500, concurrency = 1024, rate } = this.#options
    const signal = this.#resolving.signal
    const { address } = await resolveFirst(this.#host, { ...path, family, timeout: nameTimeout, signal })
    if (this.#endedAt !== undefined) return
    if (path.device !== undefined) this.#watchDevice(path.device)
    const options = { address: unmapped(address), ports: this.#ports, timeout, concurrency, rate, path }
    this.#scanner = new Scanner(options, {
      result: (port, state, rttMs, code) => this.#push({ port, state, rttMs, code }),
      end: reason => this.#end(reason === undefined ? undefined : { reason }),
      full: () => this.#results.size >= capacity,
    })
  }

  /** Sockets bound to a device that is deleted hear nothing of it, and all ports would look filtered. */
  #watchDevice(device: string): void {
    const index = addon().deviceIndex(device)
    this.#unsubscribe = onDeviceChange(change => {
      const concerns = change.type === 'overrun' || (change.type === 'link' && change.index === index)
      const fd = this.#scanner?.descriptor
      if (!concerns || fd === undefined) return
      try {
        verifyDevice(fd, device)
      } catch (error) {
        this.#scanner!.stop(error)
      }
    })
  }

  #push(result: PortResult): void {
    this.#counts[result.state]++
    this.#results.push(result)
  }

  #end(failure?: { reason: unknown }): void {
    if (this.#endedAt !== undefined) return
    this.#endedAt = monotonicNow()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#unsubscribe?.()
    this.#resolving.abort()
    this.#scanner?.stop()
    this.#results.end(failure)
  }
}
