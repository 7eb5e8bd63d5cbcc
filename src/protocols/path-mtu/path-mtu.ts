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

/** Of `pathMtu`. */
export interface PathMtuOptions extends CommonOptions {
  /** Default: that of the address; of a name, the first address it has. */
  family?: 4 | 6
  /**
   * Milliseconds for the answer to one probe; another such time for finding the address of a name. Once the host has
   * answered, a size is given up sooner: after 200 ms and four times its slowest answer. Default 1000.
   */
  timeout?: number
}

/** What `pathMtu` found, whether there is an answer or not. */
export interface PathMtuFacts {
  /** As it was given. */
  host: string
  /** The address that was asked. */
  address: string
  /** 4 or 6. */
  family: 4 | 6
  /** Who said that larger packets are too big. */
  limitedBy: string | undefined
  /** Requests sent. */
  probes: number
}

/** The host answered. */
export interface PathMtuFound extends PathMtuFacts {
  /** The largest IP packet, in bytes with all headers, that the host was seen to get. */
  mtu: number
  /**
   * What settled it: `device`, the way out of this machine is the narrowest; `too-big`, a router said so; `search`, larger
   * packets vanish without a word.
   */
  method: PathMtuMethod
  reason: undefined
}

/** There is no answer to go by. */
export interface PathMtuUnknown extends PathMtuFacts {
  mtu: undefined
  method: 'none'
  /** Why there is no `mtu`. */
  reason: string
}

/** What `pathMtu` found: `method` says which of the two. */
export type PathMtu = PathMtuFound | PathMtuUnknown

const schema: Schema = { ...commonSchema, family: oneOf(4, 6), timeout: number(1, longestTimer) }

/** RFC 791 and RFC 8200 section 5: every link carries these. */
const smallest = { 4: 68, 6: 1280 } as const
/** What the length fields hold: of IPv4 the whole packet, of IPv6 the payload. */
const largest = { 4: 65_535, 6: 65_575 } as const
/** Of one size, before it counts as too large: a packet may be lost for other reasons. */
const attempts = 3

/**
 * The largest IP packet that gets to a host in one piece (RFC 1191, RFC 8201), found with echo requests that must not be
 * fragmented: by what routers say of larger ones, and by binary search where they say nothing (RFC 4821's case). Never by the
 * kernel's memory of earlier answers, which may be out of date.
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
      if (result.outcome === 'unreachable' || result.outcome === 'ttl-exceeded') return this.#told(result.reason)
      search.record(verdictOf(result))
    }
    return this.#told(search.passed === undefined ? 'the host answers to no size' : undefined)
  }

  #told(reason: string | undefined): PathMtu {
    const { passed, method, limitedBy } = this.#search
    const facts = { ...this.#target, limitedBy, probes: this.#probes }
    if (reason !== undefined) return { ...facts, mtu: undefined, method: 'none', reason }
    return { ...facts, mtu: passed!, method, reason }
  }

  async #trySize(size: number): Promise<PingResult> {
    let result: PingResult
    let tries = 0
    do result = await this.#probe(size)
    while (result.outcome === 'timeout' && ++tries < attempts)
    if (result.outcome === 'send-failed' && result.error.code !== 'EMSGSIZE') throw result.error
    if (result.outcome === 'reply') this.#slowest = Math.max(this.#slowest ?? 0, result.rttMs)
    return result
  }

  #probe(size: number): Promise<PingResult> {
    const { family } = this.#target
    const payloadSize = size - echoHeaders[family]
    const { address, template } = prepare(this.#target, { payloadSize, device: this.#device })
    const sequence = this.#probes++
    const patience = this.#slowest === undefined ? this.#timeout : 200 + 4 * this.#slowest
    const timeout = Math.min(this.#timeout, patience)
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
