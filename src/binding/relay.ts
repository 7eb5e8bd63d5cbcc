import { systemError } from '../errors.js'
import { type Addon, addon, tunnelEndFields } from './addon.js'
import { hold, Watch } from './poller.js'

const room = 64

/** Two connected sockets, between which the addon's thread moves bytes. */
export class Tunnel {
  readonly #relay: Relay
  readonly #id: number
  readonly #before: Counts
  /** Once it has ended. */
  #counts: Counts | undefined
  readonly #onEnd: ((errno: number) => void)[] = []

  constructor(relay: Relay, id: number, before: Counts) {
    this.#relay = relay
    this.#id = id
    this.#before = before
  }

  /** Bytes from upstream. */
  get bytesRead(): number {
    return this.#before.received + this.#now().received
  }

  /** Bytes for upstream. */
  get bytesWritten(): number {
    return this.#before.sent + this.#now().sent
  }

  /** Resets both connections, so that a cut transfer doesn't look complete. */
  cut(): void {
    if (this.#counts) return
    this.onEnd(hold())
    this.#relay.native.relayCut(this.#id)
  }

  /** Calls it when both connections are closed: 0 if both sides had ended, else what broke one. */
  onEnd(listener: (errno: number) => void): void {
    this.#onEnd.push(listener)
  }

  /** For the relay. */
  ended(errno: number, counts: Counts): void {
    this.#counts = counts
    for (const listener of this.#onEnd) listener(errno)
  }

  #now(): Counts {
    return this.#counts ?? this.#relay.counts(this.#id)
  }
}

export interface Counts {
  readonly sent: number
  readonly received: number
}

class Relay {
  readonly native: Addon
  /** Indexed by id. The addon gives a new tunnel the lowest free id. */
  readonly #tunnels: (Tunnel | undefined)[] = []
  readonly #counts = new Int32Array(tunnelEndFields)
  readonly #table = new Int32Array(room * tunnelEndFields)
  readonly #watch: Watch

  constructor(native: Addon) {
    const fd = native.relayStart()
    if (fd < 0) throw systemError(fd, 'epoll_create1')
    this.native = native
    this.#watch = new Watch(fd, () => this.#report())
    this.#await()
  }

  open(ends: TunnelEnds, idleTimeout: number): Tunnel | undefined {
    const { client, upstream, toClient, toUpstream, before } = ends
    const id = this.native.relayOpen(client, upstream, toClient, toUpstream, idleTimeout)
    if (id < 0) return undefined
    const tunnel = new Tunnel(this, id, before)
    this.#tunnels[id] = tunnel
    return tunnel
  }

  counts(id: number): Counts {
    this.native.relayCounts(id, this.#counts)
    return countsAt(this.#counts, 0)
  }

  #await(): void {
    this.#watch.arm(this.native.constants.EPOLLIN!)
  }

  #report(): void {
    let count: number
    do {
      count = this.native.relayEnded(this.#table)
      for (let i = 0; i < count; i++) {
        const at = i * tunnelEndFields
        const [id, errno] = [this.#table[at]!, this.#table[at + 1]!]
        const tunnel = this.#tunnels[id]!
        this.#tunnels[id] = undefined
        tunnel.ended(errno, countsAt(this.#table, at + 2))
      }
    } while (count === room)
    this.#await()
  }
}

function countsAt(table: Int32Array, index: number): Counts {
  const half = (offset: number) => table[index + offset]! >>> 0
  return { sent: half(0) + half(1) * 2 ** 32, received: half(2) + half(3) * 2 ** 32 }
}

export interface TunnelEnds {
  /** Connected descriptors. The tunnel takes those of the addon, and copies of others: close these. */
  readonly client: number
  readonly upstream: number
  /** What goes first. */
  readonly toClient: Uint8Array
  readonly toUpstream: Uint8Array
  /** Bytes to and from upstream that were counted before. */
  readonly before: Counts
}

const key = Symbol.for('netvia.relay')

/** Undefined without descriptors or memory for it: the ends are untouched then. */
export function openTunnel(ends: TunnelEnds, idleTimeout: number): Tunnel | undefined {
  // As the poller: one for the addon.
  const native = addon() as Addon & { [key]?: Relay }
  try {
    native[key] ??= new Relay(native)
    return native[key].open(ends, idleTimeout)
  } catch {
    return undefined
  }
}
