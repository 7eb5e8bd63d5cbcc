import { constants } from 'node:os'
import { systemError } from '../errors.js'
import { isolated } from '../runtime/isolated.js'
import { type Addon, addon, Batch } from './addon.js'

type Handler = (events: number) => void

/** A descriptor that is watched. */
interface Watched {
  readonly token: number
  /** Undefined once it isn't: what V8 leaves of a map that has grown or shrunk keeps alive what it held. */
  handle: Handler | undefined
  /** A report is due. */
  isArmed: boolean
}

/** Passes readiness reports from the addon's thread to the handlers. */
class Poller {
  readonly native: Addon
  readonly #watched = new Map<number, Watched>()
  readonly #pairs = new Int32Array(2 * Batch.events)
  #nextToken = 1
  #holds = 0

  constructor(native: Addon) {
    const errno = native.onReady(count => this.#dispatch(count), this.#pairs)
    if (errno < 0) throw systemError(errno, 'epoll_create1')
    this.native = native
  }

  add(handle: Handler): Watched {
    let token: number
    // 31 bits, so that a token stays a small integer in the handler's array; a collision after 2^31 watches is skipped.
    do {
      token = this.#nextToken
      this.#nextToken = token === 0x7fff_ffff ? 1 : token + 1
    } while (this.#watched.has(token))
    const watched = { token, handle, isArmed: false }
    this.#watched.set(token, watched)
    return watched
  }

  delete(watched: Watched): void {
    watched.handle = undefined
    this.#watched.delete(watched.token)
  }

  hold(): void {
    if (this.#holds === 0) this.native.keepAlive(true)
    this.#holds++
  }

  release(): void {
    if (--this.#holds === 0) this.native.keepAlive(false)
  }

  #dispatch(count: number): void {
    for (let i = 0; i < count; i++) {
      // The other descriptors of the batch are one-shot: their handlers must still run.
      isolated(() => this.#report(this.#pairs[2 * i]!, this.#pairs[2 * i + 1]!))
    }
  }

  #report(token: number, events: number): void {
    const watched = this.#watched.get(token)
    if (!watched) return
    watched.isArmed = false
    watched.handle?.(events)
  }
}

const key = Symbol.for('netvia.poller')

/**
 * The addon holds the poller. Test runners load this file several times in one process, but there is one addon with one thread.
 */
function poller(): Poller {
  const native = addon() as Addon & { [key]?: Poller }
  native[key] ??= new Poller(native)
  return native[key]
}

/** The readiness of one descriptor. Each `arm` reports at most once (EPOLLONESHOT). */
export class Watch {
  readonly #fd: number
  readonly #onReady: Handler
  readonly #poller = poller()
  /** From the first `arm` on: many a descriptor is never waited for. */
  #watched: Watched | undefined
  #closed = false

  constructor(fd: number, onReady: Handler) {
    this.#fd = fd
    this.#onReady = onReady
  }

  arm(events: number): void {
    // The number may be another descriptor's by now.
    if (this.#closed) throw systemError(-constants.errno.EBADF, 'epoll_ctl')
    this.#watched ??= this.#poller.add(this.#onReady)
    const errno = this.#poller.native.watch(this.#fd, this.#watched.token, events)
    if (errno < 0) throw systemError(errno, 'epoll_ctl')
    this.#watched.isArmed = true
  }

  /** Call this before you close the descriptor. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#watched) return
    this.#poller.delete(this.#watched)
    // One that has been reported stays silent until it is armed again, or closed.
    if (this.#watched.isArmed) this.#poller.native.unwatch(this.#fd)
  }
}

/** Keeps the event loop alive until you call the returned function. Further calls do nothing. */
export function hold(): () => void {
  const held = poller()
  held.hold()
  let released = false
  return () => {
    if (released) return
    released = true
    held.release()
  }
}
