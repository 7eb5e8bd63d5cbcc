import { acquirePath, makeTemplate, pingDefaults } from '../ping-options.js'
import { EchoRequest, type ProbeOwner } from '../probe/echo-request.js'
import type { SocketPool } from '../probe/socket-pool.js'
import type { SweepOptions } from './sweep.js'

export const sweepDefaults = { ...pingDefaults, timeout: 1000, retries: 0 } as const

/** The shared socket of a family, and the requests sent over it. */
export interface FamilySocket {
  readonly path: SocketPool
  /** The request for all addresses. */
  readonly request: EchoRequest
  /** The same request with another owner. */
  requestFor(owner: ProbeOwner): EchoRequest
  ready: boolean
}

/** Opens each family's socket with the first target of that family. */
export class FamilySockets {
  readonly #options: SweepOptions
  readonly #owner: ProbeOwner
  readonly #opened: () => void
  readonly #families = new Map<4 | 6, FamilySocket>()
  #dropsAtClose = 0

  /** `opened`: called when a socket that wasn't ready becomes ready. */
  constructor(options: SweepOptions, owner: ProbeOwner, opened: () => void) {
    this.#options = options
    this.#owner = owner
    this.#opened = opened
  }

  /** @throws NetviaError where no socket can be opened. */
  of(family: 4 | 6): FamilySocket {
    const known = this.#families.get(family)
    if (known) return known
    // No send timestamps: the time of a batch is accurate enough here, and they would cost a sixth of the speed.
    const path = acquirePath(family, this.#options, false)
    const template = makeTemplate(family, this.#options)
    const { timeout = sweepDefaults.timeout, ttl, rate } = this.#options
    // A paced sweep wakes up to send, and reads answers then.
    const requestFor = (owner: ProbeOwner) =>
      new EchoRequest(owner, template, timeout, { hops: ttl, prompt: rate === undefined })
    const familySocket: FamilySocket = { path, request: requestFor(this.#owner), requestFor, ready: false }
    this.#families.set(family, familySocket)
    void path.ready.then(() => {
      familySocket.ready = true
      this.#opened()
    })
    return familySocket
  }

  get drops(): number {
    let drops = this.#dropsAtClose
    for (const { path } of this.#families.values()) drops += path.drops
    return drops
  }

  close(): void {
    this.#dropsAtClose = this.drops
    for (const { path, request } of this.#families.values()) {
      path.cancel(request)
      path.release()
    }
    this.#families.clear()
  }
}
