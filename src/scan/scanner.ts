import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { NetviaError, systemError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import { clearImmediate, setImmediate } from '../runtime/timers.js'
import { TokenBucket } from '../runtime/token-bucket.js'
import { isWithoutFamily } from '../sockets/open.js'
import { deviceDownFor } from '../system/device-down.js'
import { missingRouteHint } from '../system/missing-route.js'
import type { Attempt, ScanHost } from './host-ring.js'
import { descriptorBudget, enoughErrors, localFaults, portBudget, shortages } from './scanner-limits.js'
import type { ScannerHandlers, ScannerOptions } from './scanner-options.js'
import { ScanQueue } from './scanner-queue.js'
import { isRefused, pending, type ScanSlot } from './scanner-slot.js'
import { SlotPool } from './slot-pool.js'

/** Ports tried before the event loop gets a turn. */
const portsPerTurn = 256
/** After this many ports in a row without an immediate answer, only one in this many is asked immediately. */
const patience = 16
/** Milliseconds of delay that a burst may catch up on. */
const catchUpMs = 20
/** Interval and total time for retries when no descriptor is available at all, in milliseconds. */
const retryDelay = 20
const retryLimit = 5000

const { EADDRNOTAVAIL, EHOSTUNREACH } = constants.errno

/**
 * Connects to many ports in parallel, with few descriptors that are reused. Its timers keep the event loop alive.
 */
export class Scanner {
  readonly #options: ScannerOptions
  readonly #handlers: ScannerHandlers
  readonly #pace: TokenBucket | undefined
  readonly #slots: SlotPool
  readonly #waiting = new ScanQueue()
  /** To be made again. */
  readonly #postponed: Attempt[] = []
  /** Drawn, and not yet made. */
  #held: Attempt | undefined
  readonly #maximum: number
  /** Ports in parallel. A shortage lowers it to what is available; results raise it again. */
  #limit: number
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
    this.#pace = options.rate === undefined ? undefined : new TokenBucket(options.rate, catchUpMs, monotonicNow())
    this.#maximum = Math.min(options.concurrency, descriptorBudget(), portBudget())
    this.#limit = this.#maximum
    this.#slots = new SlotPool(options.path, this.#maximum)
    this.resume()
  }

  get inFlight(): number {
    return this.#waiting.size
  }

  /** Any descriptor bound to the device, to check that the device still exists. */
  get descriptor(): number | undefined {
    return this.#slots.descriptor
  }

  /** Continues after `full` returned true, or when there are attempts again. */
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
    this.#slots.close()
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
    for (let tried = 0; this.#waiting.size < this.#limit; tried++) {
      if (this.#handlers.full()) return
      if (tried === portsPerTurn) {
        this.resume()
        return
      }
      const attempt = this.#held ?? this.#postponed.pop() ?? this.#options.attempts.next()
      this.#held = attempt
      if (!attempt) break
      if (!this.#make(attempt)) return
    }
    if (this.#held || !this.#options.attempts.done || this.#waiting.size > 0) return
    this.stop()
    this.#handlers.end()
  }

  /** Returns false if nothing more can start now. */
  #make(attempt: Attempt): boolean {
    const { host } = attempt
    if (host.fault) {
      this.#held = undefined
      this.#leaveOut(attempt, host.fault)
      return true
    }
    const now = monotonicNow()
    let slot: ScanSlot | undefined
    try {
      slot = this.#open(host.family, now)
    } catch (error) {
      if (!isWithoutFamily(error)) throw error
      host.fault = error
      return true
    }
    if (!slot) return false
    const wait = this.#pace?.take(now) ?? 0
    if (wait > 0) {
      this.#slots.giveBack(slot)
      this.#runIn(wait)
      return false
    }
    this.#held = undefined
    return this.#try(slot, attempt, now)
  }

  #runIn(ms: number): void {
    this.#pause ??= setTimeout(this.#run, Math.ceil(ms))
  }

  #open(family: 4 | 6, now: number): ScanSlot | undefined {
    const slot = this.#slots.take(family)
    if (!(slot instanceof NetviaError)) {
      this.#shortSince = undefined
      return slot
    }
    if (this.#slots.size > 0) {
      this.#limit = this.#slots.size
      return undefined
    }
    this.#shortSince ??= now
    if (now - this.#shortSince > retryLimit) throw slot
    this.#runIn(retryDelay)
    return undefined
  }

  /** Returns false if nothing more can start now. */
  #try(slot: ScanSlot, attempt: Attempt, now: number): boolean {
    slot.startedAt = now
    const refusal = slot.start(attempt)
    if (refusal < 0 && !isRefused(refusal)) return this.#refused(slot, attempt, refusal)
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
    const errno = worthwhile ? slot.askAtOnce() : pending
    this.#unanswered = errno === pending ? this.#unanswered + 1 : 0
    return errno
  }

  /** This machine refused the attempt. It may accept it later, with fewer in progress. */
  #refused(slot: ScanSlot, attempt: Attempt, errno: number): boolean {
    slot.reset()
    this.#slots.giveBack(slot)
    if (this.#waiting.size > 0 && shortages.includes(-errno)) {
      this.#postponed.push(attempt)
      this.#limit = this.#waiting.size
      return false
    }
    const fault = this.#fault(errno, attempt)
    // Without a source address for its family, one host can't be reached, and others can.
    if (errno !== -EADDRNOTAVAIL && localFaults.includes(-errno)) throw fault
    this.#leaveOut(attempt, fault)
    return true
  }

  /** This machine receives nothing from the host, but from others. */
  #leaveOutHost(slot: ScanSlot, fault: NetviaError): void {
    const attempt = slot.attempt!
    attempt.host.fault = fault
    slot.reset()
    this.#slots.giveBack(slot)
    this.#leaveOut(attempt, fault)
  }

  #leaveOut(attempt: Attempt, fault: NetviaError): void {
    if (attempt.earlier > 0) this.#handlers.result(attempt, 'filtered', undefined, undefined)
    else this.#handlers.unsent(attempt, fault)
  }

  #answered(slot: ScanSlot): void {
    try {
      const errno = slot.ask()
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
      const down = deviceDownFor('connect', { device: this.#options.path.device })
      for (let slot = this.#waiting.oldest; slot; slot = this.#waiting.oldest) {
        const left = slot.startedAt + this.#options.timeout - monotonicNow()
        if (left > 0) {
          this.#expiry = setTimeout(this.#expire, Math.ceil(left))
          break
        }
        this.#waiting.remove(slot)
        const errno = slot.ask()
        const fault = errno === pending ? down(slot.attempt!.host.address) : undefined
        if (fault && down()) throw fault
        if (fault) this.#leaveOutHost(slot, fault)
        else this.#conclude(slot, errno)
      }
      this.#pump()
    } catch (error) {
      this.stop(error)
    }
  }

  #conclude(slot: ScanSlot, errno: number): void {
    const attempt = slot.attempt!
    const elapsed = monotonicNow() - slot.startedAt
    if (localFaults.includes(-errno)) throw this.#fault(errno, attempt)
    const hint = errno === -EHOSTUNREACH && missingRouteHint(attempt.host.address, this.#options.path.device)
    if (hint) {
      this.#leaveOutHost(slot, this.#fault(errno, attempt, hint))
      return
    }
    const isError = errno !== 0 && errno !== pending
    // Anybody on the path may report a closed port by an ICMP error. That proves no host.
    const report = isError ? slot.icmpReport() : undefined
    const closed = isError ? isRefused(errno) && report === undefined : slot.meetsItself()
    const rttMs = errno === 0 && !closed ? (slot.handshakeMs() ?? elapsed) : elapsed
    if (errno !== pending && this.#options.leaveUnreachable) this.#judge(attempt, closed || errno === 0, errno, report)
    slot.reset()
    this.#slots.giveBack(slot)
    this.#limit = Math.min(this.#maximum, this.#limit + 1 / 16)
    const { result } = this.#handlers
    if (closed) result(attempt, 'closed', rttMs, undefined)
    else if (errno === 0) result(attempt, 'open', rttMs, undefined)
    else if (isError) result(attempt, 'filtered', rttMs, getSystemErrorName(errno))
    else if (attempt.earlier < this.#options.retries) this.#postponed.push({ ...attempt, earlier: attempt.earlier + 1 })
    else result(attempt, 'filtered', undefined, undefined)
  }

  /** What an answer about one port says of its host. */
  #judge({ host, port }: Attempt, answered: boolean, errno: number, report: 'host' | 'other' | undefined): void {
    if (answered) host.answered = true
    host.unreachable = !answered && report === 'host' ? host.unreachable + 1 : 0
    if (host.answered || host.unreachable < enoughErrors) return
    const hint = 'ICMP errors report the host as unreachable, so its other ports were not tried'
    host.fault = this.#fault(errno, { host, port }, hint)
  }

  #fault(errno: number, { host, port }: { host: ScanHost; port: number }, hint?: string): NetviaError {
    return systemError(errno, 'connect', { address: host.address, port, device: this.#options.path.device, hint })
  }
}
