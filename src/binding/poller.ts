import { systemError } from '../errors.js'
import { type Addon, addon } from './addon.js'

type Handler = (events: number) => void

const handlers = new Map<number, Handler>()
let nextToken = 1
let holds = 0
let native: Addon | undefined

function start(): Addon {
  if (!native) {
    native = addon()
    native.onReady(pairs => {
      for (let i = 0; i < pairs.length; i += 2) handlers.get(pairs[i]!)?.(pairs[i + 1]!)
    })
  }
  return native
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
  if (holds++ === 0) start().keepAlive(true)
  let held = true
  return () => {
    if (!held) return
    held = false
    if (--holds === 0) start().keepAlive(false)
  }
}
