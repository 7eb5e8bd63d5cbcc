import { invalidArgument, NetviaError } from '../../errors.js'
import { presentContext } from '../../runtime/context.js'
import { encodeAddress, familyOf } from '../../sockets/address.js'
import type { ResolvedAddress } from '../dns/records.js'
import { type AddressBlock, parseBlock } from './address-block.js'

/** Names, addresses, CIDR blocks and ranges: one string, or any iterable of them, which is read only as needed. */
export type Targets = string | Iterable<string> | AsyncIterable<string>

/** One address to ask. */
export interface SweepTarget {
  readonly family: 4 | 6
  /** Valid until the next target is drawn. */
  readonly address: Uint8Array
  /** The name that resolved to this address. */
  readonly name?: string
}

export interface SourceHandlers {
  /** Called after `next()` returned nothing, when there is a target or the end. */
  ready(): void
  resolve(name: string): Promise<ResolvedAddress>
  /** Reports a name without an address. */
  unknown(name: string, error: NetviaError): void
  failed(error: unknown): void
}

/** Names resolved at the same time. */
const lookUps = 32

/**
 * Targets one at a time, created on demand. Addresses and blocks are available immediately. Names, and items that an
 * asynchronous iterable has yet to deliver, follow when they are known; the others don't wait for them.
 */
export class TargetSource {
  readonly #caller: string
  readonly #family: 4 | 6 | undefined
  readonly #handlers: SourceHandlers
  readonly #iterator: Iterator<string> | AsyncIterator<string>
  readonly #inContext: ReturnType<typeof presentContext>
  readonly #found: SweepTarget[] = []
  #block: AddressBlock | undefined
  #index = 0
  #resolving = 0
  #fetching = false
  /** The program's code runs. */
  #drawing = false
  #exhausted = false
  #closed = false

  /** `caller`: what error messages begin with. `family`: refuses addresses of the other family. */
  constructor(caller: string, targets: Targets, family: 4 | 6 | undefined, handlers: SourceHandlers) {
    this.#caller = caller
    this.#family = family
    this.#handlers = handlers
    this.#iterator = iterate(targets)
    // A list runs none of the program's code.
    this.#inContext = typeof targets === 'string' || Array.isArray(targets) ? work => work() : presentContext()
  }

  /** Whether no more targets will come. */
  get done(): boolean {
    return this.#exhausted && !this.#block && this.#found.length === 0 && this.#resolving === 0
  }

  /** The next target, or `undefined` if there is none yet: `ready` follows. */
  next(): SweepTarget | undefined {
    for (;;) {
      const found = this.#found.shift()
      if (found) return found
      if (this.#block) return this.#fromBlock(this.#block)
      if (this.#exhausted || this.#fetching || this.#resolving >= lookUps || this.#closed) return undefined
      this.#fetch()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    // A generator can't be ended by what it calls: `#draw` does it then.
    if (!this.#drawing) this.#end()
  }

  /** The targets are of no more use, so neither is what keeps them from ending. */
  async #end(): Promise<void> {
    if (this.#exhausted) return
    try {
      await this.#inContext(() => this.#iterator.return?.())
    } catch {}
  }

  #draw(): ReturnType<Iterator<string>['next']> | PromiseLike<IteratorResult<string>> {
    this.#drawing = true
    try {
      return this.#inContext(() => this.#iterator.next())
    } finally {
      this.#drawing = false
      if (this.#closed) this.#end()
    }
  }

  #fromBlock(block: AddressBlock): SweepTarget {
    const address = block.at(this.#index++)
    if (this.#index >= block.size) this.#block = undefined
    return { family: block.family, address }
  }

  #fetch(): void {
    const result = this.#draw()
    if (!('then' in result)) {
      if (!this.#closed) this.#accept(result)
      return
    }
    this.#fetching = true
    Promise.resolve(result)
      .then(later => {
        this.#fetching = false
        if (this.#closed) return
        this.#accept(later)
        this.#handlers.ready()
      })
      .catch(error => this.#handlers.failed(error))
  }

  #accept({ done, value }: IteratorResult<string>): void {
    if (done) {
      this.#exhausted = true
      return
    }
    if (typeof value !== 'string' || value === '')
      throw invalidArgument(`${this.#caller}: target`, value, 'a non-empty string')
    this.#block = parseBlock(value, this.#caller)
    this.#index = 0
    if (!this.#block) this.#resolve(value)
    else if (this.#family !== undefined && this.#block.family !== this.#family) {
      throw invalidArgument(`${this.#caller}: target`, value, `of family ${this.#family}`)
    }
  }

  #resolve(name: string): void {
    this.#resolving++
    this.#handlers
      .resolve(name)
      .then(
        // An AAAA record may hold an IPv4-mapped address.
        ({ address }) => void this.#found.push({ family: familyOf(address), address: encodeAddress(address), name }),
        error => {
          if (!this.#closed && !isUnknownName(error)) throw error
          if (!this.#closed) this.#handlers.unknown(name, error)
        },
      )
      .then(() => {
        this.#resolving--
        if (!this.#closed) this.#handlers.ready()
      })
      .catch(error => this.#handlers.failed(error))
  }
}

/** Whether name servers caused the error. A missing device or permission concerns all targets. */
function isUnknownName(error: unknown): error is NetviaError {
  const local = ['EADDRNOTAVAIL', 'EPERM', 'ENOBUFS']
  return error instanceof NetviaError && error.syscall === 'resolve' && !local.includes(error.code)
}

/** The targets, copied if the caller could change them later. Each target is checked when drawn. */
export function keepTargets(value: unknown, caller: string): Targets {
  if (!isTargets(value)) throw invalidArgument(`${caller}: targets`, value, 'a string or an iterable of strings')
  return Array.isArray(value) ? Array.from<string>(value) : value
}

function isTargets(value: unknown): value is Targets {
  if (typeof value === 'string') return true
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
}

function iterate(targets: Targets): Iterator<string> | AsyncIterator<string> {
  if (typeof targets === 'string') return [targets][Symbol.iterator]()
  return Symbol.asyncIterator in targets ? targets[Symbol.asyncIterator]() : targets[Symbol.iterator]()
}

/** The number of targets, if it is known in advance: for lists that hold all of them. */
export function countTargets(targets: Targets, caller: string): number | undefined {
  if (typeof targets === 'string') return parseBlock(targets, caller)?.size ?? 1
  if (!Array.isArray(targets)) return undefined
  return targets.reduce(
    (sum: number, target) => sum + (typeof target === 'string' ? countTargets(target, caller)! : 1),
    0,
  )
}
