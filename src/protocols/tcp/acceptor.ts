import { constants as system } from 'node:os'
import { addon } from '../../binding/addon.js'
import { hold, Watch } from '../../binding/poller.js'
import { systemError } from '../../errors.js'
import { decodeAddress, type SocketAddress } from '../../sockets/address.js'

const { EAGAIN, ECONNABORTED, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPERM, EPROTO } =
  system.errno
/** Errors of the one connection that was next (accept(2)): the others can be accepted. */
const ofConnection = new Set(
  [ECONNABORTED, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPERM, EPROTO].map(code => -code),
)
/** Connections that are accepted before other work has its turn. */
const turn = 64
/** In ms, while descriptors or memory are short: the queue stays as ready as it was, and connections wait in it. */
const pause = 100

const address = new Uint8Array(28)

/** Accepts connections as descriptors, without one of Node's servers and sockets. It keeps the event loop alive. */
export class Acceptor {
  /** Where it listens. */
  readonly address: SocketAddress
  readonly #fd: number
  readonly #onConnection: (fd: number, address: string) => void
  readonly #watch: Watch
  readonly #release: () => void
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** Owns the listening descriptor, and closes it if it can't be watched. `onConnection` owns each accepted one. */
  constructor(fd: number, onConnection: (fd: number, address: string) => void) {
    this.#fd = fd
    this.#onConnection = onConnection
    try {
      const length = addon().getsockname(fd, address)
      if (length < 0) throw systemError(length, 'getsockname')
      this.address = decodeAddress(address, length)!
      this.#watch = new Watch(fd, () => this.#accept())
      this.#await()
    } catch (error) {
      addon().close(fd)
      throw error
    }
    this.#release = hold()
  }

  /** Connections that wait are refused. Further calls do nothing. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watch.close()
    this.#release()
    addon().close(this.#fd)
  }

  #accept(): void {
    for (let i = 0; i < turn && !this.#closed; i++) {
      const fd = addon().accept(this.#fd, address)
      if (fd === -EAGAIN) break
      if (fd >= 0) this.#onConnection(fd, decodeAddress(address)!.address)
      else if (!ofConnection.has(fd)) {
        this.#retry()
        return
      }
    }
    if (!this.#closed) this.#await()
  }

  #await(): void {
    this.#watch.arm(addon().constants.EPOLLIN!)
  }

  #retry(): void {
    this.#timer = setTimeout(() => this.#accept(), pause)
  }
}
