import { addon } from '../../binding/addon.js'
import { pathOf } from '../../options.js'
import { resolve } from '../../protocols/dns/resolve.js'
import { onDeviceChange } from '../../protocols/netlink/changes.js'
import { verifyDevice } from '../../sockets/open.js'
import { Scanner } from '../../sockets/scanner.js'
import type { ScanOptions } from '../scan-ports.js'

export type PortState = 'open' | 'closed' | 'filtered'

export interface PortResult {
  readonly port: number
  /** `closed`: refused. `filtered`: no answer in time, or an ICMP error. */
  readonly state: PortState
  /** The handshake as the kernel timed it where open; until the refusal or the ICMP error was seen; undefined without an answer. */
  readonly rttMs?: number
  /** What an ICMP error said, such as `EHOSTUNREACH` or `EACCES`; undefined for plain silence. */
  readonly code?: string
}

export interface ScanProgress {
  readonly total: number
  /** Ports with a verdict: `open + closed + filtered`. */
  readonly done: number
  readonly open: number
  readonly closed: number
  readonly filtered: number
  readonly inFlight: number
  readonly elapsedMs: number
  /** Verdicts a second so far; 0 before the first. */
  readonly rate: number
  /** Time left at that rate; undefined before the first verdict. */
  readonly etaMs?: number
}

/** Verdicts kept for a slow consumer before the scan pauses. */
const capacity = 4096

interface Waiter {
  resolve(result: IteratorResult<PortResult, undefined>): void
  reject(reason: unknown): void
}

/** A scan: starts when it is first iterated or asked for `open()`, and can be consumed once. */
export class PortScan implements AsyncIterableIterator<PortResult, undefined> {
  readonly #host: string
  readonly #ports: readonly number[]
  readonly #options: ScanOptions
  readonly #results: PortResult[] = []
  /** Of the next unread one: taking from the front of an array costs as much as it is long. */
  #read = 0
  readonly #waiters: Waiter[] = []
  readonly #counts = { open: 0, closed: 0, filtered: 0 }
  readonly #resolving = new AbortController()
  #scanner: Scanner | undefined
  #unsubscribe: (() => void) | undefined
  #startedAt: number | undefined
  #endedAt: number | undefined
  #failure: { reason: unknown } | undefined

  constructor(host: string, ports: readonly number[], options: ScanOptions) {
    options.signal?.throwIfAborted()
    this.#host = host
    this.#ports = ports
    this.#options = options
    options.signal?.addEventListener('abort', this.#onAbort)
  }

  get progress(): ScanProgress {
    const { open, closed, filtered } = this.#counts
    const total = this.#ports.length
    const done = open + closed + filtered
    const elapsedMs = this.#startedAt === undefined ? 0 : (this.#endedAt ?? performance.now()) - this.#startedAt
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

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<PortResult, undefined>> {
    if (this.#startedAt === undefined && this.#endedAt === undefined) this.#start()
    const value = this.#take()
    if (value) return Promise.resolve({ done: false, value })
    if (this.#failure) {
      const { reason } = this.#failure
      this.#failure = undefined
      return Promise.reject(reason)
    }
    if (this.#endedAt !== undefined) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<PortResult, undefined>> {
    this.#end()
    this.#results.length = 0
    return Promise.resolve({ done: true, value: undefined })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  readonly #onAbort = () => {
    this.#results.length = 0
    this.#end({ reason: this.#options.signal!.reason })
  }

  #start(): void {
    this.#startedAt = performance.now()
    this.#scan().catch(reason => this.#end({ reason }))
  }

  async #scan(): Promise<void> {
    const path = pathOf(this.#options)
    const { family, timeout = 500, concurrency = 1024, rate } = this.#options
    const [found] = await resolve(this.#host, { ...path, family, signal: this.#resolving.signal })
    if (this.#endedAt !== undefined) return
    if (path.device !== undefined) this.#watchDevice(path.device)
    const options = { address: found!.address, ports: this.#ports, timeout, concurrency, rate, path }
    this.#scanner = new Scanner(options, {
      result: (port, state, rttMs, code) => this.#push({ port, state, rttMs, code }),
      end: reason => this.#end(reason === undefined ? undefined : { reason }),
      full: () => this.#results.length - this.#read >= capacity,
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
    const waiter = this.#waiters.shift()
    if (waiter) waiter.resolve({ done: false, value: result })
    else this.#results.push(result)
  }

  #take(): PortResult | undefined {
    const result = this.#results[this.#read]
    if (!result) return undefined
    this.#read++
    if (this.#read === this.#results.length) {
      this.#results.length = 0
      this.#read = 0
      this.#scanner?.resume()
    }
    return result
  }

  #end(failure?: { reason: unknown }): void {
    if (this.#endedAt !== undefined) return
    this.#endedAt = performance.now()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#unsubscribe?.()
    this.#resolving.abort()
    this.#scanner?.stop()
    const waiters = this.#waiters.splice(0)
    if (failure && waiters.length > 0) waiters.shift()!.reject(failure.reason)
    else this.#failure = failure
    for (const { resolve } of waiters) resolve({ done: true, value: undefined })
  }
}
