import { type ClockSample, measure, waitInQueue } from './clock.js'
import type { DeadlineQueue } from './deadline-queue.js'
import { type EchoRequest, emptyVerdict, type Outcome, type Verdict } from './echo-request.js'
import { outcomeOfError } from './error-outcome.js'
import type { ErrorReader, ProbeError } from './error-reader.js'
import { ownReport } from './local-failure.js'
import { type ProbeTable, State } from './probe-table.js'
import type { ReplyReader } from './reply-reader.js'

/** The kernel's send timestamps. */
type SendStamps = Pick<ErrorReader, 'sentStamp' | 'leftStamp'>

interface JudgeSettings {
  family: 4 | 6
  device: string | undefined
}

/** A probe of the request has its verdict, the only one it gets. */
type Settled = (request: EchoRequest, verdict: Verdict) => void

/** Sets verdicts and passes them on. One verdict object is reused for all of them. */
export class ProbeJudge {
  readonly #settings: JudgeSettings
  readonly #table: ProbeTable
  readonly #deadlines: DeadlineQueue
  readonly #settled: Settled
  readonly #verdict: Verdict
  readonly #targetWords: Int32Array
  readonly #sent: ClockSample = { wall: 0, monotonic: 0 }

  constructor(settings: JudgeSettings, table: ProbeTable, deadlines: DeadlineQueue, settled: Settled) {
    this.#settings = settings
    this.#table = table
    this.#deadlines = deadlines
    this.#settled = settled
    this.#targetWords = new Int32Array(table.addressWords)
    this.#verdict = emptyVerdict(new Uint8Array(this.#targetWords.buffer))
  }

  /** Judges by arrival time, not by when the reply was read. */
  reply(probe: number, reply: ReplyReader, stamps: SendStamps, now: ClockSample): void {
    const state = this.#table.state[probe]
    const request = this.#table.request(probe)
    if (request.cancelled) return
    const verdict = this.#verdict
    this.#time(probe, stamps, reply.receivedStamp, now)
    verdict.bytes = reply.bytes
    verdict.ttl = reply.ttl
    verdict.type = reply.type
    verdict.code = reply.code
    verdict.from = reply.from ?? verdict.target
    if (state === State.answered) {
      this.#about(probe, 'reply')
      request.owner.duplicate?.(verdict)
      return
    }
    const inTime = state === State.sent && verdict.rttMs <= request.timeout
    this.#deadlines.remove(probe)
    this.#table.free(probe, true)
    if (state === State.sent) this.#report(probe, request, inTime ? 'reply' : 'timeout')
    if (!inTime && !request.cancelled) {
      this.#about(probe, 'timeout')
      request.owner.late?.(verdict)
    }
  }

  error(error: ProbeError, stamps: SendStamps, now: ClockSample): void {
    const { probe, type, code, from, ttl, mtu, quoted } = error
    const request = this.#table.request(probe)
    if (this.#table.state[probe] !== State.sent || request.cancelled) return
    const { family, device } = this.#settings
    const own = ownReport(family, { type, code, from, target: this.#table.targetOf(probe) }, device)
    if (own) {
      this.fail(probe, own)
      return
    }
    this.#time(probe, stamps, error.receivedStamp, now)
    Object.assign(this.#verdict, { type, code, from, ttl, mtu, quoted })
    this.#end(probe, outcomeOfError(family, type, code))
  }

  /** `mtu`: the device's, if its size is known to be the cause. */
  fail(probe: number, error: Error, mtu = 0): void {
    Object.assign(this.#verdict, { error, mtu })
    this.#end(probe, 'send-failed')
  }

  /** No answer came. A late reply may still count. */
  timeout(probe: number): void {
    const request = this.#table.request(probe)
    if (request.lateMs === 0 || request.cancelled) {
      this.#end(probe, 'timeout')
      return
    }
    this.#table.state[probe] = State.overdue
    this.#deadlines.push(probe, request.timeout + request.lateMs)
    this.#report(probe, request, 'timeout')
  }

  #end(probe: number, outcome: Outcome): void {
    const request = this.#table.request(probe)
    this.#deadlines.remove(probe)
    this.#table.free(probe, false)
    if (!request.cancelled) this.#report(probe, request, outcome)
    Object.assign(this.#verdict, { error: undefined, quoted: undefined, mtu: 0 })
  }

  #report(probe: number, request: EchoRequest, outcome: Outcome): void {
    this.#about(probe, outcome)
    this.#settled(request, this.#verdict)
  }

  /** A probe's columns keep their values until another probe takes its place. */
  #about(probe: number, outcome: Outcome): void {
    const verdict = this.#verdict
    const { tags, sentWall, sentMonotonic, targets, addressWords } = this.#table
    verdict.outcome = outcome
    verdict.tag = tags[probe]!
    verdict.sentAt = sentMonotonic[probe]! < 0 ? Number.NaN : sentWall[probe]!
    for (let i = 0; i < addressWords; i++) this.#targetWords[i] = targets[probe * addressWords + i]!
  }

  #time(probe: number, stamps: SendStamps, receivedStamp: number, read: ClockSample): void {
    const sent = this.#sent
    sent.wall = this.#table.sentWall[probe]!
    sent.monotonic = this.#table.sentMonotonic[probe]!
    const queuedAt = stamps.sentStamp(probe)
    const leftAt = stamps.leftStamp(probe)
    const sentStamp = Number.isNaN(queuedAt) ? leftAt : queuedAt
    const { rttMs, kernel } = measure({ sent, read, sentStamp, receivedStamp })
    this.#verdict.rttMs = rttMs
    this.#verdict.queuedMs = kernel ? waitInQueue(queuedAt, leftAt, rttMs) : Number.NaN
    this.#verdict.kernelClock = kernel
  }
}
