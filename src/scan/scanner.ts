import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { type NetviaError, systemError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import type { PathOptions } from '../options.js'
import { TokenBucket } from '../runtime/token-bucket.js'
import { encodeAddress, familyOf } from '../sockets/address.js'
import { onLink } from '../sockets/zone.js'
import { descriptorBudget, portBudget } from './scanner-limits.js'
import { ScanQueue } from './scanner-queue.js'
import { isRefused, pending, ScanSlot } from './scanner-slot.js'

/** Ports tried before the event loop gets a turn. */
const portsPerTurn = 256
/** After this many ports in a row without an immediate answer, only one in this many is asked immediately. */
const patience = 16
/** Milliseconds of delay that a burst may catch up on. */
const catchUpMs = 20
/** Interval and total time for retries when no descriptor is available at all, in milliseconds. */
const retryDelay = 20
const retryLimit = 5000

const { EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, ENETDOWN, ENODEV } = constants.errno
/** Errors that fewer parallel attempts would avoid. */
const shortages = [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL]
/** Errors of this machine, whenever they occur. */
const localFaults = [ENETDOWN, ENODEV, EADDRNOTAVAIL]

export interface ScannerHandlers {
  /** `code`: the error of an ICMP message that made the port `filtered`. */
  result(port: number, state: 'open' | 'closed' | 'filtered', rttMs: number | undefined, code: string | undefined): void
  /** All results are reported, or `error` ended the scan. */
  end(error?: unknown): void
  /** No port is tried while this returns true. */
  full(): boolean
}

export interface ScannerOptions {
  address: string
  ports: readonly number[]
  /** Milliseconds for each port. */
  timeout: number
  concurrency: number
  /** Maximum ports tried per second. */
  rate: number | undefined
  path: PathOptions
}

/**
 * Connects to many ports of one address in parallel, with few descriptors that are reused. Its timers keep the event loop
 * alive.
 */
export class Scanner {
  readonly #options: ScannerOptions
  readonly #handlers: ScannerHandlers
  readonly #target: Uint8Array
  readonly #family: 4 | 6
  readonly #pace: TokenBucket | undefined
  readonly #slots: ScanSlot[] = []
  readonly #idle: ScanSlot[] = []
  readonly #waiting = new ScanQueue()
  /** Ports to try again. */
  readonly #postponed: number[] = []
  readonly #maximum: number
  /** Ports in parallel. A shortage lowers it to what is available; results raise it again. */
  #limit: number
  #next = 0
  /** Ports in a row without an immediate answer. */
  #unanswered = 0
  #turn: NodeJS.Immediate | undefined
  #pause: NodeJS.Timeout | undefined
  #expiry: NodeJS.Timeout | undefined
  #shortSince: number | undefined
  #ended = false

  constructor(options: ScannerOptions, handlers: ScannerHandlers) {
    this.#options = options
    this.#handlers = handlers
    this.#target = onLink(encodeAddress(options.address), options.path.device)
    this.#family = familyOf(options.address)
    this.#pace = options.rate === undefined ? undefined : new TokenBucket(options.rate, catchUpMs, monotonicNow())
    this.#maximum = Math.min(options.concurrency, descriptorBudget(), portBudget())
    this.#limit = this.#maximum
    this.resume()
  }

  get inFlight(): number {
    return this.#waiting.size
  }

  /** Any descriptor bound to the device, to check that the device still exists. */
  get descriptor(): number | undefined {
    return this.#slots[0]?.fd
  }

  /** Continues after `full` returned true. */
  resume(): void {
    if (!this.#ended) this.#turn ??= setImmediate(this.#run)
  }

  /** Closes everything. Calls `end` only with an error. */
  stop(error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    clearImmediate(this.#turn)
    clearTimeout(this.#pause)
    clearTimeout(this.#expiry)
    for (const slot of this.#slots) slot.close()
    if (error !== undefined) this.#handlers.end(error)
  }

  readonly #run = () => {
    this.#turn = undefined
    clearTimeout(this.#pause)
    this.#pause = undefined
    try {
      this.#pump()
    } catch (error) {
      this.stop(error)
    }
  }

  #pump(): void {
    for (let tried = 0; this.#hasPorts() && this.#waiting.size < this.#limit; tried++) {
      if (this.#handlers.full()) return
      if (tried === portsPerTurn) {
        this.resume()
        return
      }
      const now = monotonicNow()
      const slot = this.#idle.pop() ?? this.#open(now)
      if (!slot) return
      const wait = this.#pace?.take(now) ?? 0
      if (wait > 0) {
        this.#idle.push(slot)
        this.#runIn(wait)
        return
      }
      if (!this.#try(slot, this.#postponed.pop() ?? this.#options.ports[this.#next++]!)) return
    }
    if (this.#hasPorts() || this.#waiting.size > 0) return
    this.stop()
    this.#handlers.end()
  }

  #hasPorts(): boolean {
    return this.#postponed.length > 0 || this.#next < this.#options.ports.length
  }

  #runIn(ms: number): void {
    this.#pause ??= setTimeout(this.#run, Math.ceil(ms))
  }

  #open(now: number): ScanSlot | undefined {
    try {
      const slot = new ScanSlot(this.#family, this.#options.path)
      this.#slots.push(slot)
      this.#shortSince = undefined
      return slot
    } catch (error) {
      const { errno } = error as NetviaError
      if (errno !== -EMFILE && errno !== -ENFILE) throw error
      if (this.#slots.length > 0) {
        this.#limit = this.#slots.length
        return undefined
      }
      this.#shortSince ??= now
      if (now - this.#shortSince > retryLimit) throw error
      this.#runIn(retryDelay)
      return undefined
    }
  }

  /** Returns false if nothing more can start now. */
  #try(slot: ScanSlot, port: number): boolean {
    slot.startedAt = monotonicNow()
    const refusal = slot.start(this.#target, port)
    if (refusal < 0 && !isRefused(refusal)) return this.#refused(slot, port, refusal)
    const errno = refusal < 0 ? refusal : this.#askAtOnce(slot)
    if (errno !== pending) {
      this.#conclude(slot, errno)
      return true
    }
    this.#waiting.push(slot)
    slot.watch(() => this.#answered(slot))
    this.#expiry ??= setTimeout(this.#expire, this.#options.timeout)
    return true
  }

  /**
   * A nearby host's answer is already there. A distant host or one that doesn't answer has none yet, so only a sample is asked.
   */
  #askAtOnce(slot: ScanSlot): number {
    const worthwhile = this.#unanswered < patience || this.#unanswered % patience === 0
    const errno = worthwhile ? slot.askAtOnce(this.#target) : pending
    this.#unanswered = errno === pending ? this.#unanswered + 1 : 0
    return errno
  }

  /** This machine refused the attempt. It may accept it later, with fewer in progress. */
  #refused(slot: ScanSlot, port: number, errno: number): boolean {
    if (this.#waiting.size === 0 || !shortages.includes(-errno)) throw this.#fault(errno, port)
    slot.reset()
    this.#idle.push(slot)
    this.#postponed.push(port)
    this.#limit = this.#waiting.size
    return false
  }

  #answered(slot: ScanSlot): void {
    try {
      const errno = slot.ask(this.#target)
      if (errno === pending) {
        slot.watch(() => this.#answered(slot))
        return
      }
      this.#waiting.remove(slot)
      this.#conclude(slot, errno)
      this.resume()
    } catch (error) {
      this.stop(error)
    }
  }

  /**
   * The event loop may be late although the answer came in time, so it asks the kernel before the port counts as unanswered.
   */
  readonly #expire = () => {
    this.#expiry = undefined
    try {
      const { timeout } = this.#options
      for (let slot = this.#waiting.oldest; slot; slot = this.#waiting.oldest) {
        const left = slot.startedAt + timeout - monotonicNow()
        if (left > 0) {
          this.#expiry = setTimeout(this.#expire, Math.ceil(left))
          break
        }
        this.#waiting.remove(slot)
        this.#conclude(slot, slot.ask(this.#target))
      }
      this.#pump()
    } catch (error) {
      this.stop(error)
    }
  }

  #conclude(slot: ScanSlot, errno: number): void {
    const { port } = slot
    const elapsed = monotonicNow() - slot.startedAt
    if (localFaults.includes(-errno)) throw this.#fault(errno, port)
    const closed = isRefused(errno) || ((errno === 0 || errno === pending) && slot.meetsItself(this.#target))
    const rttMs = errno === 0 && !closed ? (slot.handshakeMs() ?? elapsed) : elapsed
    slot.reset()
    this.#idle.push(slot)
    this.#limit = Math.min(this.#maximum, this.#limit + 1 / 16)
    const { result } = this.#handlers
    if (closed) result(port, 'closed', rttMs, undefined)
    else if (errno === 0) result(port, 'open', rttMs, undefined)
    else if (errno === pending) result(port, 'filtered', undefined, undefined)
    else result(port, 'filtered', rttMs, getSystemErrorName(errno))
  }

  #fault(errno: number, port: number): NetviaError {
    const { address, path } = this.#options
    return systemError(errno, 'connect', { address, port, device: path.device })
  }
}
