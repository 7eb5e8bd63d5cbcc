import type { NetviaError } from '../../errors.js'
import { Cancel, type Signal } from '../../runtime/cancel.js'
import { Deadline, noLongerNeeded } from '../../runtime/deadline.js'
import { clearImmediate, setImmediate } from '../../runtime/timers.js'
import { type FoundRecord, followChain, isAbout } from './answer.js'
import { copesWithEdns, rememberEdns } from './edns-memory.js'
import { exchange } from './exchange.js'
import { isWorthAnotherTry, noData, noServerAnswered, notFound, serverFailed } from './failures.js'
import type { Response } from './message.js'
import type { QueryContext } from './query-context.js'
import type { RecordType } from './records.js'
import type { ResolvConf } from './resolv-conf.js'
import { type PlannedTry, planTries } from './schedule.js'
import type { DnsServer } from './server-address.js'

/**
 * Looks up the records of one name (in wire form) and type. The first server to answer decides. Resolves with at least one
 * record, or rejects with an error of src/protocols/dns/failures.ts.
 */
export async function queryRecords(
  name: string,
  type: RecordType,
  context: QueryContext,
  signal: Signal | undefined,
): Promise<FoundRecord[]> {
  const { conf, timeLimit = conf.timeout * conf.attempts, open } = context
  const question = new Question(name, type, context)
  // The caller's signal applies the caller's own limit.
  const deadline =
    context.timeLimit !== undefined && signal ? undefined : new Deadline(timeLimit, signal, () => question.unanswered())
  signal?.throwIfAborted()
  const limit = deadline?.signal ?? signal!
  const onAbort = () => question.giveUp(limit.reason)
  limit.addEventListener('abort', onAbort)
  open?.push(question)
  try {
    return await question.ask(timeLimit)
  } finally {
    question.end()
    open?.splice(open.indexOf(question), 1)
    limit.removeEventListener('abort', onAbort)
    deadline?.end()
  }
}

/** The answers of a server that doesn't support EDNS (RFC 6891 section 7), or not its version 0. */
const misunderstood = new Set(['FORMERR', 'NOTIMP', 'BADVERS'])

/**
 * One question in progress. It sends the attempts of its plan. A failed one is replaced immediately, and the first answer
 * wins.
 */
class Question {
  readonly #name: string
  readonly #type: RecordType
  readonly #context: QueryContext
  readonly #stop = new Cancel()
  readonly #tries: Promise<void>[] = []
  #running = 0
  readonly #failures: NetviaError[] = []
  /** Asked, and not answered so far. */
  #silent: readonly DnsServer[] = []
  readonly #askedPlainly: DnsServer[] = []
  readonly #answeredEdns: DnsServer[] = []
  #queue: PlannedTry[] = []
  /** Position in the plan, in milliseconds. */
  #at = 0
  #timer: NodeJS.Timeout | undefined
  #due: NodeJS.Immediate | undefined
  #resolve!: (records: FoundRecord[]) => void
  #reject!: (reason: unknown) => void

  constructor(name: string, type: RecordType, context: QueryContext) {
    this.#name = name
    this.#type = type
    this.#context = context
  }

  /** Call `end` once it has settled. */
  ask(limit: number): Promise<FoundRecord[]> {
    const { conf, path } = this.#context
    this.#queue = planTries({ servers: inTurn(conf), attempts: conf.attempts, limit }, server =>
      copesWithEdns(server, path),
    )
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#next(true)
    })
  }

  /** Ends the attempts in progress. */
  end(): void {
    clearTimeout(this.#timer)
    this.#stop.abort(noLongerNeeded)
  }

  /** The current error of this question. */
  unanswered(code?: string): NetviaError {
    const { path, conf } = this.#context
    const parts = { failures: this.#failures, silent: this.#silent, unusable: conf.unusable }
    return noServerAnswered({ hostname: this.#name, device: path.device, ...parts }, code)
  }

  /** The time is over. Each attempt checks once more whether its answer has arrived. */
  async giveUp(reason: unknown): Promise<void> {
    this.end()
    await Promise.all(this.#tries)
    this.#reject(reason)
  }

  /** Continues the plan: starts what is due now, or with `immediately` the next attempt that makes sense. */
  #next(immediately: boolean): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#due)
    if (this.#stop.aborted) return
    let due = this.#queue.shift()
    while (immediately && due && this.#isNeedless(due)) due = this.#queue.shift()
    if (due) {
      this.#at = due.at
      if (!this.#isNeedless(due)) this.#start(due)
    }
    const following = this.#queue[0]
    if (following) this.#timer = setTimeout(() => this.#nextAfterReading(), following.at - this.#at)
    else if (this.#running === 0) this.#reject(this.unanswered())
  }

  /** If the event loop was busy, the answer may be there: it is read before the next attempt. */
  #nextAfterReading(): void {
    this.#due = setImmediate(() => this.#next(false))
  }

  /** Asking without EDNS doesn't help if the server failed for another reason, and costs a TCP connection. */
  #isNeedless({ server, fallback }: PlannedTry): boolean {
    if (!fallback) return false
    const { path, conf } = this.#context
    const copes = copesWithEdns(server, path)
    return copes === true || (copes === undefined && (conf.useTcp || !this.#silent.includes(server)))
  }

  #start({ server, edns }: PlannedTry): void {
    if (!this.#silent.includes(server)) this.#silent = [...this.#silent, server]
    if (!edns) this.#askedPlainly.push(server)
    this.#running++
    this.#tries.push(this.#try(server, edns))
  }

  async #try(server: DnsServer, edns: boolean): Promise<void> {
    const { path, conf } = this.#context
    try {
      const response = await exchange({
        name: this.#name,
        type: this.#type,
        server,
        edns,
        useTcp: conf.useTcp,
        path,
        signal: this.#stop,
        onUnreachable: error => this.#fail(server, error),
        onCutOff: () => this.#learn(server, edns, true),
      })
      this.#hear(response, server, edns)
    } catch (error) {
      this.#running--
      if (error === noLongerNeeded) return
      if (isWorthAnotherTry(error)) this.#fail(server, error)
      else this.#reject(error)
    }
  }

  #fail(server: DnsServer, error: NetviaError): void {
    this.#silent = this.#silent.filter(other => other !== server)
    this.#failures.push(error)
    // A queue of this machine that was full may have room at the time of the next attempt.
    if (error.code !== 'ENOBUFS' || this.#queue.length === 0) this.#next(true)
  }

  #hear(response: Response, server: DnsServer, edns: boolean): void {
    this.#context.onAnswer?.(server)
    const misread = edns && (misunderstood.has(response.rcode) || response.misplaced)
    this.#learn(server, edns, !misread)
    if (misread && !this.#askedPlainly.includes(server)) this.#askPlainlyNext(server)
    this.#resolve(this.#recordsOf(response, server))
  }

  #learn(server: DnsServer, edns: boolean, understood: boolean): void {
    const { path } = this.#context
    if (edns) {
      this.#answeredEdns.push(server)
      rememberEdns(server, path, understood)
    } else if (!this.#answeredEdns.includes(server)) rememberEdns(server, path, false)
  }

  #askPlainlyNext(server: DnsServer): void {
    this.#queue = this.#queue.filter(planned => !(planned.server === server && planned.fallback))
    this.#queue.unshift({ server, at: this.#at, edns: false, fallback: true })
  }

  #recordsOf({ rcode, referral, misplaced, answers }: Response, server: DnsServer): FoundRecord[] {
    const { device } = this.#context.path
    if (rcode === 'NXDOMAIN') throw notFound(this.#name, device)
    if (rcode !== 'NOERROR') throw serverFailed(rcode, server)
    if (misplaced) throw serverFailed('something where it does not belong', server)
    if (referral) throw serverFailed('to ask elsewhere (it does not resolve names)', server)
    const found = followChain(answers, this.#name, this.#type)
    if (!found) throw serverFailed('a chain of CNAMEs without an end', server)
    if (found.length > 0) return found
    if (!isAbout(answers, this.#name, this.#type)) throw serverFailed('something that is no answer', server)
    throw noData(this.#name, this.#type, device)
  }
}

let turn = 0

function inTurn({ servers, rotate }: ResolvConf): readonly DnsServer[] {
  if (!rotate) return servers
  const first = turn++ % servers.length
  return [...servers.slice(first), ...servers.slice(0, first)]
}
