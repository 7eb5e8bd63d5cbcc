import type { NetviaError } from '../../errors.js'
import {
  type CommonOptions,
  checkOptions,
  commonSchema,
  longestTimer,
  number,
  oneOf,
  type Schema,
  string,
} from '../../options.js'
import { echoHeaders } from '../icmp/packet/message-types.js'
import { acquirePath, findTarget, prepare } from '../icmp/ping-options.js'
import { EchoRequest, type Verdict } from '../icmp/probe/echo-request.js'
import type { SocketPool } from '../icmp/probe/socket-pool.js'
import { type PingResult, type Target, toResult } from '../icmp/result.js'
import { type PathMtuMethod, PathMtuSearch, type SizeVerdict } from './search.js'

/** Options of `pathMtu`. */
export interface PathMtuOptions extends CommonOptions {
  /** Address family. Default: that of the address; for a name, that of its first address. */
  family?: 4 | 6
  /**
   * Milliseconds to wait for the answer to one probe, and as long again to resolve a name. Once the host has answered, netvia
   * gives up on a size sooner: after 200 ms plus four times the slowest answer so far, but not on the first that is silent.
   * Default 1000.
   */
  timeout?: number
}

/** The fields of every `pathMtu` result, with or without an answer. */
export interface PathMtuFacts {
  /** The host as you passed it. */
  host: string
  /** The address probed. */
  address: string
  /** Family of that address, 4 or 6. */
  family: 4 | 6
  /** Address that reported larger packets as too big. */
  limitedBy: string | undefined
  /** Requests sent. */
  probes: number
}

/** The host answered. */
export interface PathMtuFound extends PathMtuFacts {
  /** The largest IP packet that reached the host, in bytes with all headers. */
  mtu: number
  /**
   * What determined the size. `device`: the outgoing device is the narrowest link. `too-big`: a router reported the limit.
   * `search`: larger packets vanish without an error.
   */
  method: PathMtuMethod
  /** An `mtu` was found. */
  reason: undefined
}

/** The host gave no usable answer. */
export interface PathMtuUnknown extends PathMtuFacts {
  /** No size reached the host. */
  mtu: undefined
  /** Nothing determined a size. */
  method: 'none'
  /** Why there is no `mtu`. */
  reason: string
}

/** The result of `pathMtu`. `method` distinguishes the two kinds. */
export type PathMtu = PathMtuFound | PathMtuUnknown

const schema: Schema = { ...commonSchema, family: oneOf(4, 6), timeout: number(1, longestTimer) }

/** Every link carries packets of this size (RFC 791, RFC 8200 section 5). */
const smallest = { 4: 68, 6: 1280 } as const
/** The limits of the length fields. IPv4 counts the whole packet, IPv6 only the payload. */
const largest = { 4: 65_535, 6: 65_575 } as const
/** How often one size is probed before it counts as too large. A packet may be lost for other reasons. */
const attempts = 3

/**
 * Finds the largest IP packet that reaches a host in one piece (RFC 1191, RFC 8201). It sends echo requests that must not be
 * fragmented. It uses the limits routers report, and binary search where they report nothing (the case of RFC 4821). It ignores
 * the kernel's cache of earlier answers, which may be out of date.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`; `EPERM` or `EACCES` without permission for ICMP sockets; `ENODEV`, `ENETUNREACH`
 * and others where this machine can't send; what `resolve` throws for a name; `signal.reason` when aborted.
 */
export async function pathMtu(host: string, given: PathMtuOptions = {}): Promise<PathMtu> {
  string(host, 'pathMtu: host')
  const options = checkOptions('pathMtu', given, schema)
  const { timeout = 1000, signal } = options
  signal?.throwIfAborted()
  const target = await findTarget(host, { ...options, timeout })
  signal?.throwIfAborted()
  const path = acquirePath(target.family, { ...options, dontFragment: true, payloadSize: largest[4] })
  try {
    await path.ready
    signal?.throwIfAborted()
    return await new PathMtuRun(target, path, timeout, options).search()
  } finally {
    path.release()
  }
}

class PathMtuRun {
  readonly #target: Target
  readonly #path: SocketPool
  readonly #signal: AbortSignal | undefined
  readonly #device: string | undefined
  readonly #search: PathMtuSearch
  readonly #timeout: number
  #slowest: number | undefined
  #hasWaited = false
  #probes = 0

  constructor(target: Target, path: SocketPool, timeout: number, { device, signal }: PathMtuOptions) {
    this.#target = target
    this.#path = path
    this.#timeout = timeout
    this.#signal = signal
    this.#device = device
    this.#search = new PathMtuSearch(smallest[target.family], largest[target.family])
  }

  async search(): Promise<PathMtu> {
    const search = this.#search
    for (let size = search.next; size !== undefined; size = search.next) {
      const result = await this.#trySize(size)
      if (result.outcome === 'unreachable' || result.outcome === 'ttl-exceeded') return this.#resultSoFar(result.reason)
      search.record(verdictOf(result))
    }
    return this.#resultSoFar(search.passed === undefined ? 'the host answers to no size' : undefined)
  }

  #resultSoFar(reason: string | undefined): PathMtu {
    const { passed, method, limitedBy } = this.#search
    const facts = { ...this.#target, limitedBy, probes: this.#probes }
    if (reason !== undefined) return { ...facts, mtu: undefined, method: 'none', reason }
    return { ...facts, mtu: passed!, method, reason }
  }

  async #trySize(size: number): Promise<PingResult> {
    let result: PingResult
    let tries = 0
    do {
      // On a slow line large packets take far longer than the smallest: the first silent size is waited for in full, once.
      const isLast = ++tries === attempts && !this.#hasWaited
      this.#hasWaited ||= isLast
      result = await this.#probe(size, isLast ? this.#timeout : this.#patience)
    } while (result.outcome === 'timeout' && tries < attempts)
    if (result.outcome === 'send-failed' && !(await this.#isOfSize(result.error))) throw result.error
    if (result.outcome === 'reply') this.#slowest = Math.max(this.#slowest ?? 0, result.rttMs)
    return result
  }

  /**
   * A device may drop what its other end doesn't take, as a veth device does. The kernel then reports the same as for a full queue, but
   * smaller packets pass.
   */
  async #isOfSize({ code }: NetviaError): Promise<boolean> {
    if (code === 'EMSGSIZE') return true
    const { passed } = this.#search
    return code === 'ENOBUFS' && passed !== undefined && (await this.#probe(passed, this.#patience)).outcome === 'reply'
  }

  get #patience(): number {
    return this.#slowest === undefined ? this.#timeout : Math.min(this.#timeout, 200 + 4 * this.#slowest)
  }

  #probe(size: number, timeout: number): Promise<PingResult> {
    const { family } = this.#target
    const payloadSize = size - echoHeaders[family]
    const { address, template } = prepare(this.#target, { payloadSize, device: this.#device })
    const sequence = this.#probes++
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#path.cancel(request)
        reject(this.#signal!.reason)
      }
      const settled = (verdict: Verdict) => {
        this.#signal?.removeEventListener('abort', onAbort)
        resolve(toResult(this.#target, sequence, verdict))
      }
      const request = new EchoRequest({ settled }, template, timeout)
      this.#signal?.addEventListener('abort', onAbort, { once: true })
      this.#path.submit(request, address)
    })
  }
}

function verdictOf({ outcome, mtu, from }: PingResult): SizeVerdict {
  if (outcome === 'reply') return { outcome: 'passed' }
  if (outcome === 'too-big') return { outcome, limit: mtu, by: from }
  return outcome === 'send-failed' ? { outcome: 'too-big-here', limit: mtu } : { outcome: 'silent' }
}
