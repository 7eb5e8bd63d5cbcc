import { RetryPause } from '../retry-pause.js'

/** The result of one attempt to send. */
export interface Attempt {
  /** 'refused': it will never be accepted. 'failed': it may be accepted later. */
  result: 'delivered' | 'refused' | 'failed'
  /** The reason in words; empty if it was delivered. */
  why: string
  /** How much of it was refused, counted as the limit is. Default: all. */
  lost?: number
  /** Milliseconds until the next attempt, if the receiver asked for a pause. */
  retryAfter?: number | undefined
}

/** What an outbox reports. `waiting` and `lost` are counted as the limit is. */
export interface OutboxReport {
  /**
   * 'failing': nothing can be sent now. 'dropping': the limit is reached. 'refused': the collector refused a push, or a part of it.
   * 'delivered': all waiting pushes are delivered. 'ended': those that waited at the end are lost.
   */
  state: 'failing' | 'dropping' | 'refused' | 'delivered' | 'ended'
  waiting: number
  /** Since the last 'delivered' or 'refused'. */
  lost: number
  why: string
}

interface Route<Item> {
  send(item: Item): Promise<Attempt>
  /** How much can wait. The oldest items are dropped. A single item is kept whatever its size. */
  limit: number
}

/** Sends items one after another, in order, and keeps them in memory while sending fails. */
export class Outbox<Item> {
  readonly #count: (item: Item) => number
  readonly #report: (report: OutboxReport) => void
  readonly #items: Item[] = []
  #route: Route<Item>
  #waiting = 0
  /** Since the beginning. */
  #lost = 0
  #lostBefore = 0
  #isSending = false
  #isClosing = false
  /** States already reported since the trouble began. */
  #reported = new Set<string>()
  readonly #pause = new RetryPause()
  #work: Promise<void> | undefined

  /** `count`: how much of the limit an item takes. */
  constructor(route: Route<Item>, count: (item: Item) => number, report: (report: OutboxReport) => void) {
    this.#route = route
    this.#count = count
    this.#report = report
  }

  /** How much was dropped or refused. */
  get lost(): number {
    return this.#lost
  }

  add(item: Item): void {
    this.#items.push(item)
    this.#waiting += this.#count(item)
    this.#trim()
    this.#work ??= this.#sendAll()
  }

  /** Replaces the function that sends, also for waiting items. */
  set route(route: Route<Item>) {
    this.#route = route
    this.#trim()
    this.#pause.end()
  }

  /** Shortens a pause, because an attempt may succeed now. */
  retry(): void {
    this.#pause.shorten()
  }

  /** Tries again for at most `patience` ms. Anything left is lost. */
  async close(patience: number): Promise<void> {
    this.#isClosing = true
    this.#pause.end()
    let timer: NodeJS.Timeout | undefined
    const end = new Promise<void>(resolve => {
      timer = setTimeout(resolve, patience)
    })
    await Promise.race([this.#work, end])
    clearTimeout(timer)
    if (this.#waiting === 0) return
    this.#lost += this.#waiting
    this.#reportState('ended', 'netvia ends')
  }

  async #sendAll(): Promise<void> {
    while (this.#items.length > 0) {
      const [item] = this.#items as [Item]
      this.#isSending = true
      const { result, why, lost = this.#count(item), retryAfter } = await this.#route.send(item)
      this.#isSending = false
      if (result === 'failed') {
        this.#reportOnce('failing', why)
        this.#trim()
        if (this.#isClosing) break
        await this.#pause.wait(retryAfter)
        continue
      }
      this.#pause.reset()
      this.#items.shift()
      this.#waiting -= this.#count(item)
      if (result === 'refused') {
        this.#lost += Math.min(lost, this.#count(item))
        this.#reportOnce('refused', why)
      } else if (this.#reported.size > 0 && this.#items.length === 0) {
        this.#reportState('delivered', '')
        this.#reported.clear()
        this.#lostBefore = this.#lost
      }
    }
    this.#work = undefined
  }

  /** Keeps the item that is being sent. */
  #trim(): void {
    const first = this.#isSending ? 1 : 0
    while (this.#waiting > this.#route.limit && this.#items.length > first + 1) {
      const [dropped] = this.#items.splice(first, 1) as [Item]
      this.#waiting -= this.#count(dropped)
      this.#lost += this.#count(dropped)
      this.#reportOnce('dropping', `more than ${this.#route.limit} wait`)
    }
  }

  #reportOnce(state: OutboxReport['state'], why: string): void {
    if (this.#reported.has(state)) return
    this.#reported.add(state)
    this.#reportState(state, why)
  }

  #reportState(state: OutboxReport['state'], why: string): void {
    this.#report({ state, waiting: this.#waiting, lost: this.#lost - this.#lostBefore, why })
  }
}
