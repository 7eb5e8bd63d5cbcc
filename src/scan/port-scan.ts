import { monotonicNow } from '../monotonic.js'
import { pathOf } from '../options.js'
import { nameTimeout, resolveFirst } from '../protocols/dns/resolve.js'
import { ResultQueue } from '../runtime/result-queue.js'
import { ResultStream } from '../runtime/result-stream.js'
import { encodeAddress } from '../sockets/address.js'
import { endWithDevice } from './device-watch.js'
import { HostRing, type HostSource, type ScanHost } from './host-ring.js'
import { hostOf } from './scan-host.js'
import type { ScanOptions } from './scan-ports.js'
import { Scanner } from './scanner.js'

export const scanDefaults = { ports: '1-1024', timeout: 500, retries: 0, concurrency: 1024 } as const

/** `open`: accepts connections. `closed`: refuses them. `filtered`: no answer in time, or an ICMP error. */
export type PortState = 'open' | 'closed' | 'filtered'

/** The result for one port. */
export interface PortResult {
  /** 1-65535. */
  readonly port: number
  /** `open`: accepts connections. `closed`: refuses them. `filtered`: no answer in time, or an ICMP error. */
  readonly state: PortState
  /**
   * For open ports, the handshake as the kernel timed it. Otherwise the time until the refusal or ICMP error. In milliseconds;
   * undefined without an answer.
   */
  readonly rttMs?: number
  /** Error code of an ICMP error, such as `EHOSTUNREACH` or `EACCES`; undefined if there was no answer. */
  readonly code?: string
}

/** The progress of a scan. */
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
  /** Connections in progress. */
  readonly inFlight: number
  /** Milliseconds since the scan began, or its total duration once it has ended. */
  readonly elapsedMs: number
  /** Average ports done per second; 0 before the first. */
  readonly rate: number
  /** Milliseconds left at that rate; undefined before the first result. */
  readonly etaMs?: number
}

/** Results kept for a slow consumer before the scan pauses. */
const capacity = 4096

/** A scan of ports. It starts when you first iterate it or call `open()`. You can consume it once. */
export class PortScan extends ResultStream<PortResult> {
  readonly #host: string
  readonly #ports: readonly number[]
  readonly #options: ScanOptions
  readonly #results: ResultQueue<PortResult>
  readonly #counts = { open: 0, closed: 0, filtered: 0 }
  readonly #resolving = new AbortController()
  #scanner: Scanner | undefined
  #unsubscribe: (() => void) | undefined
  #startedAt: number | undefined
  #endedAt: number | undefined

  constructor(host: string, ports: readonly number[], options: ScanOptions) {
    const results = new ResultQueue<PortResult>({ drained: () => this.#scanner?.resume(), ended: () => this.#stop() })
    super(results, options.signal, () => this.#start())
    this.#results = results
    this.#host = host
    this.#ports = ports
    this.#options = options
  }

  /** The progress so far. */
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

  /** Scans to the end, and resolves with the sorted list of open ports. */
  async open(): Promise<number[]> {
    const ports: number[] = []
    for await (const { port, state } of this) if (state === 'open') ports.push(port)
    return ports.sort((a, b) => a - b)
  }

  async #start(): Promise<void> {
    this.#startedAt = monotonicNow()
    const path = pathOf(this.#options)
    const { timeout, retries, concurrency } = { ...scanDefaults, ...this.#options }
    const { family, rate } = this.#options
    const signal = this.#resolving.signal
    const { address } = await resolveFirst(this.#host, { ...path, family, timeout: nameTimeout, signal })
    if (this.#endedAt !== undefined) return
    if (path.device !== undefined) this.#unsubscribe = endWithDevice(path.device, () => this.#scanner)
    const attempts = new HostRing(onlyHost(hostOf(this.#host, encodeAddress(address), path.device)), this.#ports)
    const options = { attempts, timeout, retries, leaveUnreachable: false, concurrency, rate, path }
    this.#scanner = new Scanner(options, {
      result: ({ port }, state, rttMs, code) => this.#push({ port, state, rttMs, code }),
      unsent: (_, error) => {
        throw error
      },
      end: reason => this.#results.end(reason === undefined ? undefined : { reason }),
      full: () => this.#results.size >= capacity,
    })
  }

  #push(result: PortResult): void {
    this.#counts[result.state]++
    this.#results.push(result)
  }

  #stop(): void {
    this.#endedAt = monotonicNow()
    this.#unsubscribe?.()
    this.#resolving.abort()
    this.#scanner?.stop()
  }
}

function onlyHost(host: ScanHost): HostSource {
  const hosts = [host]
  return {
    next: () => hosts.pop(),
    get done() {
      return hosts.length === 0
    },
  }
}
