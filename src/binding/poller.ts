import { systemError } from '../errors.js'
import { type Addon, addon } from './addon.js'

type Handler = (events: number) => void

const handlers = new Map<number, Handler>()
let nextToken = 1
let holds = 0
let native: Addon | undefined
const pairs = new Int32Array(128)

function start(): Addon {
  if (!native) {
    const errno = addon().onReady(dispatch, pairs)
    if (errno < 0) throw systemError(errno, 'epoll_create1')
    native = addon()
  }
  return native
}

function dispatch(count: number): void {
  for (let i = 0; i < count; i++) {
    try {
      handlers.get(pairs[2 * i]!)?.(pairs[2 * i + 1]!)
    } catch (error) {
      // The other descriptors of the batch are one-shot: they must still be told.
      process.nextTick(() => {
        throw error
      })
    }
  }
}

/** One descriptor's readiness. Each `arm` reports at most once (EPOLLONESHOT). */
export class Watch {
  readonly #fd: number
  readonly #token: number

  constructor(fd: number, onReady: Handler) {
    this.#fd = fd
    // 31 bits, so that a token stays a small integer in the handler's array; a collision after 2^31 watches is skipped.
    do {
      this.#token = nextToken
      nextToken = nextToken === 0x7fff_ffff ? 1 : nextToken + 1
    } while (handlers.has(this.#token))
    handlers.set(this.#token, onReady)
  }

  arm(events: number): void {
    const errno = start().watch(this.#fd, this.#token, events)
    if (errno < 0) throw systemError(errno, 'epoll_ctl')
  }

  /** Before the descriptor is closed. */
  close(): void {
    handlers.delete(this.#token)
    native?.unwatch(this.#fd)
  }
}

/** While held, the event loop stays alive. Returns the release, good for one call. */
export function hold(): () => void {
  if (holds === 0) start().keepAlive(true)
  holds++
  let held = true
  return () => {
    if (!held) return
    held = false
    if (--holds === 0) start().keepAlive(false)
  }
}
