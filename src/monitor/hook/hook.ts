import { unref } from '../../runtime/timers.js'
import { type CommandRun, startCommand } from './command-run.js'

/** Commands that run at the same time. Two hundred uplinks may lose their link in the same moment. */
const maxRunning = 16
/** Milliseconds from a failed try to the next. After the last one the call is given up. */
const retryDelays = [1000, 5000, 25_000]
/** Milliseconds that `stop()` waits for calls under way. */
const grace = 5000

export interface HookReports {
  /** A line that a command printed on its standard output or standard error. */
  line(uplink: string, text: string): void
  failed(error: Error): void
}

type Facts = Record<string, string>

/** The calls of one uplink. */
interface Caller {
  uplink: string
  /** The state for the next run. A newer one replaces it. */
  next: Facts | undefined
  tries: number
  running: CommandRun | undefined
  retry: NodeJS.Timeout | undefined
}

/**
 * Calls a user's command with the newest state of each uplink. An uplink has one call at a time, and uplinks do not wait for each
 * other. States that come and go while a call runs are skipped; the last one is never skipped.
 */
export class Hook {
  #command: readonly string[]
  #timeout: number
  readonly #reports: HookReports
  readonly #callers = new Map<string, Caller>()
  /** Uplinks whose call waits for a free place, in order. */
  readonly #queue = new Set<Caller>()
  #running = 0
  #stopping = false
  #idle = () => {}

  /** `timeout`: milliseconds after which a command is killed. */
  constructor(command: readonly string[], timeout: number, reports: HookReports) {
    this.#command = command
    this.#timeout = timeout
    this.#reports = reports
  }

  /** For the calls to come. Those that wait to be tried again begin now, because the old command may have been their fault. */
  configure(command: readonly string[], timeout: number): void {
    this.#command = command
    this.#timeout = timeout
    for (const caller of this.#callers.values()) if (caller.retry) this.#callAgain(caller)
  }

  /** `facts` are added to the environment. */
  call(uplink: string, facts: Facts): void {
    let caller = this.#callers.get(uplink)
    if (!caller) {
      caller = { uplink, next: undefined, tries: 0, running: undefined, retry: undefined }
      this.#callers.set(uplink, caller)
    }
    caller.next = facts
    this.#callAgain(caller)
  }

  /**
   * Finishes the calls that run or wait, without further tries. After 5 seconds the rest is killed or left out, with a report.
   * The hook is not called again after that.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const caller of this.#callers.values()) if (caller.retry) this.#forget(caller)
    if (this.#callers.size === 0) return
    const timer = setTimeout(() => this.#giveUp(), grace)
    await new Promise<void>(resolve => {
      this.#idle = resolve
    })
    clearTimeout(timer)
  }

  #callAgain(caller: Caller): void {
    caller.tries = 0
    this.#enqueue(caller)
  }

  #enqueue(caller: Caller): void {
    clearTimeout(caller.retry)
    caller.retry = undefined
    if (caller.running) return
    this.#queue.add(caller)
    this.#startQueued()
  }

  #startQueued(): void {
    for (const caller of this.#queue) {
      if (this.#running === maxRunning) return
      this.#queue.delete(caller)
      this.#start(caller)
    }
  }

  async #start(caller: Caller): Promise<void> {
    const { uplink } = caller
    const facts = caller.next!
    caller.next = undefined
    caller.tries++
    this.#running++
    caller.running = startCommand(this.#command, facts, this.#timeout, text => this.#reports.line(uplink, text))
    const failure = await caller.running.ended
    caller.running = undefined
    this.#running--
    if (failure !== undefined) this.#failed(caller, facts, failure)
    if (caller.next && !caller.retry) this.#enqueue(caller)
    else if (!caller.retry) this.#forget(caller)
    this.#startQueued()
  }

  #failed(caller: Caller, facts: Facts, failure: string): void {
    // A newer state waits: it needs no second try of an older one.
    const delay = caller.next || this.#stopping ? undefined : retryDelays[caller.tries - 1]
    const outlook = delay === undefined ? '' : `; next try in ${delay / 1000} s`
    this.#reports.failed(new Error(`${caller.uplink}: ${failure}${outlook}`))
    if (delay === undefined) return
    caller.next = facts
    // The monitor itself keeps the process alive.
    caller.retry = unref(setTimeout(() => this.#enqueue(caller), delay))
  }

  #forget(caller: Caller): void {
    clearTimeout(caller.retry)
    this.#callers.delete(caller.uplink)
    if (this.#stopping && this.#callers.size === 0) this.#idle()
  }

  #giveUp(): void {
    const waiting = [...this.#queue]
    this.#queue.clear()
    for (const caller of waiting) {
      this.#reports.failed(new Error(`${caller.uplink}: not called: the monitor ends`))
      this.#forget(caller)
    }
    for (const caller of this.#callers.values()) {
      caller.next = undefined
      caller.running?.kill('killed: the monitor ends')
    }
  }
}
