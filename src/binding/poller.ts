import { systemError } from '../errors.js'
import { type Addon, addon, Batch } from './addon.js'

type Handler = (events: number) => void

/** Who is told of what the addon's thread finds ready. */
class Poller {
  readonly native: Addon
  readonly #handlers = new Map<number, Handler>()
  readonly #pairs = new Int32Array(2 * Batch.events)
  #nextToken = 1
  #holds = 0

  constructor(native: Addon) {
    const errno = native.onReady(count => this.#dispatch(count), this.#pairs)
    if (errno < 0) throw systemError(errno, 'epoll_create1')
    this.native = native
  }

  /** Gives the handler's token. */
  add(handler: Handler): number {
    let token: number
    // 31 bits, so that a token stays a small integer in the handler's array; a collision after 2^31 watches is skipped.
    do {
      token = this.#nextToken
      this.#nextToken = token === 0x7fff_ffff ? 1 : token + 1
    } while (this.#handlers.has(token))
    this.#handlers.set(token, handler)
    return token
  }

  delete(token: number): void {
    this.#handlers.delete(token)
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
      try {
        this.#handlers.get(this.#pairs[2 * i]!)?.(this.#pairs[2 * i + 1]!)
      } catch (error) {
        // The other descriptors of the batch are one-shot: they must still be told.
        process.nextTick(() => {
          throw error
        })
      }
    }
  }
}

const key = Symbol.for('netvia.poller')

/** The addon keeps it: test runners load this file once for each of theirs, beside one addon with one thread. */
function poller(): Poller {
  const native = addon() as Addon & { [key]?: Poller }
  native[key] ??= new Poller(native)
  return native[key]
}

/** One descriptor's readiness. Each `arm` reports at most once (EPOLLONESHOT). */
export class Watch {
  readonly #fd: number
  readonly #token: number
  readonly #poller = poller()

  constructor(fd: number, onReady: Handler) {
    this.#fd = fd
    this.#token = this.#poller.add(onReady)
  }

  arm(events: number): void {
    const errno = this.#poller.native.watch(this.#fd, this.#token, events)
    if (errno < 0) throw systemError(errno, 'epoll_ctl')
  }

  /** Before the descriptor is closed. */
  close(): void {
    this.#poller.delete(this.#token)
    this.#poller.native.unwatch(this.#fd)
  }
}

/** While held, the event loop stays alive. Returns the release, good for one call. */
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
