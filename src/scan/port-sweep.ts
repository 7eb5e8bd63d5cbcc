import type { NetviaError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import { pathOf } from '../options.js'
import { nameTimeout, resolveFirst } from '../protocols/dns/resolve.js'
import { countTargets, TargetSource, type Targets } from '../protocols/targets/target-source.js'
import { ResultQueue } from '../runtime/result-queue.js'
import { ResultStream } from '../runtime/result-stream.js'
import { endWithDevice } from './device-watch.js'
import { HostRing, type HostSource, type ScanHost } from './host-ring.js'
import { type PortState, scanDefaults } from './port-scan.js'
import { sweptHost, unknownHost } from './scan-host.js'
import type { ScanOptions } from './scan-ports.js'
import { Scanner } from './scanner.js'

/** The result for one port of one host. */
export interface PortSweepResult {
  /** The host as given, or its address in a block or range. */
  readonly host: string
  /** Empty for a name without an address. */
  readonly address: string
  /** 1-65535. */
  readonly port: number
  /**
   * As in `scanPorts`. `unsent`: this machine did not try the port. The name has no address, this machine refused to connect, or
   * ICMP errors had already reported the host as unreachable.
   */
  readonly state: PortState | 'unsent'
  /**
   * For open ports, the handshake as the kernel timed it. Otherwise the time until the refusal or ICMP error. In milliseconds;
   * undefined without an answer.
   */
  readonly rttMs?: number
  /** Code of the ICMP error or of `error`, such as `EHOSTUNREACH`; undefined if there was no answer. */
  readonly code?: string
  /** Why the port is `unsent`. */
  readonly error?: NetviaError
}

/** The progress of a port sweep. */
export interface PortSweepProgress {
  /** Hosts × ports; `undefined` unless the targets were given as an array or one string. */
  readonly total: number | undefined
  /** Ports with a verdict: `open + closed + filtered + unsent`. */
  readonly done: number
  /** Ports that accepted a connection. */
  readonly open: number
  /** Ports that refused. */
  readonly closed: number
  /** Ports without an answer, or with an ICMP error. */
  readonly filtered: number
  /** Ports that this machine did not try. */
  readonly unsent: number
  /** Connections in progress. */
  readonly inFlight: number
  /** Milliseconds since the sweep began, or its total duration once it has ended. */
  readonly elapsedMs: number
  /** Average ports done per second; 0 before the first. */
  readonly rate: number
  /** Milliseconds left at that rate; undefined before the first result or without `total`. */
  readonly etaMs: number | undefined
}

/** Results kept for a slow consumer before the sweep pauses. */
const capacity = 4096

/** The async iterable that `sweepPorts` returns. It starts with the first `next()`. You can consume it once. */
export class PortSweep extends ResultStream<PortSweepResult> {
  readonly #targets: Targets
  readonly #ports: readonly number[]
  readonly #options: ScanOptions
  readonly #total: number | undefined
  readonly #results: ResultQueue<PortSweepResult>
  readonly #counts = { open: 0, closed: 0, filtered: 0, unsent: 0 }
  readonly #resolving = new AbortController()
  /** Names without an address. */
  readonly #unknown: ScanHost[] = []
  #source: TargetSource | undefined
  #scanner: Scanner | undefined
  #unsubscribe: (() => void) | undefined
  #startedAt: number | undefined
  #endedAt: number | undefined

  /** @internal */
  constructor(targets: Targets, ports: readonly number[], options: ScanOptions) {
    const results = new ResultQueue<PortSweepResult>({
      drained: () => this.#scanner?.resume(),
      ended: () => this.#stop(),
    })
    super(results, options.signal, async () => this.#start())
    this.#results = results
    this.#targets = targets
    this.#ports = ports
    this.#options = options
    const hosts = countTargets(targets, 'sweepPorts')
    this.#total = hosts === undefined ? undefined : hosts * ports.length
  }

  /** The progress so far. */
  get progress(): PortSweepProgress {
    const { open, closed, filtered, unsent } = this.#counts
    const total = this.#total
    const done = open + closed + filtered + unsent
    const elapsedMs = this.#startedAt === undefined ? 0 : (this.#endedAt ?? monotonicNow()) - this.#startedAt
    const rate = done === 0 ? 0 : (done / elapsedMs) * 1000
    const etaMs = done === 0 || total === undefined ? undefined : ((total - done) / rate) * 1000
    const inFlight = this.#endedAt === undefined ? (this.#scanner?.inFlight ?? 0) : 0
    return { total, done, open, closed, filtered, unsent, inFlight, elapsedMs, rate, etaMs }
  }

  #start(): void {
    this.#startedAt = monotonicNow()
    const path = pathOf(this.#options)
    const { timeout, retries, concurrency } = { ...scanDefaults, ...this.#options }
    const { rate } = this.#options
    const attempts = new HostRing(this.#hosts(), this.#ports)
    const options = { attempts, timeout, retries, leaveUnreachable: true, concurrency, rate, path }
    this.#scanner = new Scanner(options, {
      result: ({ host, port }, state, rttMs, code) => this.#push(host, { port, state, rttMs, code }),
      unsent: ({ host, port }, error) => this.#push(host, { port, state: 'unsent', code: error.code, error }),
      end: reason => this.#results.end(reason === undefined ? undefined : { reason }),
      full: () => this.#results.size >= capacity,
    })
    if (path.device !== undefined) this.#unsubscribe = endWithDevice(path.device, () => this.#scanner)
  }

  #hosts(): HostSource {
    const { family, device } = this.#options
    const signal = this.#resolving.signal
    const path = pathOf(this.#options)
    const source = new TargetSource('sweepPorts', this.#targets, family, {
      ready: () => this.#scanner?.resume(),
      resolve: name => resolveFirst(name, { family, timeout: nameTimeout, ...path, signal }),
      unknown: (name, error) => this.#unknown.push(unknownHost(name, family ?? 4, error)),
      failed: reason => this.#scanner?.stop(reason),
    })
    this.#source = source
    const unknown = this.#unknown
    return {
      get done() {
        return source.done && unknown.length === 0
      },
      next: () => {
        const known = unknown.shift()
        if (known) return known
        const target = source.next()
        return target && sweptHost(target, device)
      },
    }
  }

  #push({ name, address }: ScanHost, result: Omit<PortSweepResult, 'host' | 'address'>): void {
    this.#counts[result.state]++
    this.#results.push({ host: name, address, ...result })
  }

  #stop(): void {
    this.#endedAt = monotonicNow()
    this.#unsubscribe?.()
    this.#resolving.abort()
    this.#source?.close()
    this.#scanner?.stop()
  }
}
