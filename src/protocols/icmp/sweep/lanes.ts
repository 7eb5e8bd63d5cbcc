import type { EchoPath } from '../echo-path.js'
import { EchoRequest, type ProbeOwner } from '../echo-request.js'
import { acquirePath, makeTemplate } from '../ping-options.js'
import type { SweepOptions } from './sweep.js'

const defaultTimeout = 1000

/** The shared socket of a family, and what is sent over it. */
export interface Lane {
  readonly path: EchoPath
  /** What is asked of all addresses. */
  readonly request: EchoRequest
  /** The same for who wants to be told by another owner. */
  requestFor(owner: ProbeOwner): EchoRequest
  ready: boolean
}

/** Opened with the first target of each family. */
export class Lanes {
  readonly #options: SweepOptions
  readonly #owner: ProbeOwner
  readonly #opened: () => void
  readonly #lanes = new Map<4 | 6, Lane>()
  #dropsAtClose = 0

  /** `opened`: one that was not ready is ready now. */
  constructor(options: SweepOptions, owner: ProbeOwner, opened: () => void) {
    this.#options = options
    this.#owner = owner
    this.#opened = opened
  }

  /** @throws NetviaError where no socket can be opened. */
  of(family: 4 | 6): Lane {
    const known = this.#lanes.get(family)
    if (known) return known
    // Without stamps of sending: the time of a batch is true enough here, and they would cost a sixth of the speed.
    const path = acquirePath(family, this.#options, false)
    const template = makeTemplate(family, this.#options)
    const { timeout = defaultTimeout, ttl, rate } = this.#options
    // A paced sweep wakes for what is to be sent, and reads the answers then.
    const requestFor = (owner: ProbeOwner) =>
      new EchoRequest(owner, template, timeout, { hops: ttl, prompt: rate === undefined })
    const lane: Lane = { path, request: requestFor(this.#owner), requestFor, ready: false }
    this.#lanes.set(family, lane)
    void path.ready.then(() => {
      lane.ready = true
      this.#opened()
    })
    return lane
  }

  get drops(): number {
    let drops = this.#dropsAtClose
    for (const { path } of this.#lanes.values()) drops += path.drops
    return drops
  }

  close(): void {
    this.#dropsAtClose = this.drops
    for (const { path, request } of this.#lanes.values()) {
      path.cancel(request)
      path.release()
    }
    this.#lanes.clear()
  }
}
