import { constants, endianness } from 'node:os'
import { addon } from '../../../binding/addon.js'
import { systemError } from '../../../errors.js'
import { SendBatch } from '../../../sockets/send-batch.js'

const AF_UNIX = 1
const SOCK_DGRAM = 2
/** In bytes: the longest message that systemd reads, and room for the address behind it. */
const longestMessage = 4096
const addressRoom = 110

/** Sends states to a service manager, a datagram each (sd_notify(3)). */
export class NotifySocket {
  readonly #fd: number
  readonly #address: Uint8Array
  readonly #batch = new SendBatch(longestMessage + addressRoom)

  /**
   * `path` names a socket, or is `@` with an abstract name (unix(7)).
   *
   * @throws NetviaError as socket(2) fails.
   */
  constructor(path: string) {
    this.#address = unixAddress(path)
    this.#fd = addon().socket(AF_UNIX, SOCK_DGRAM, 0)
    if (this.#fd < 0) throw systemError(this.#fd, 'socket')
  }

  /** Sends assignments such as `READY=1`. False: the queue of the other end is full. If nobody listens, they are lost. */
  send(...assignments: string[]): boolean {
    this.#batch.clear()
    const fits = this.#batch.add(Buffer.from(assignments.join('\n')), this.#address)
    return !fits || this.#batch.send(this.#fd) !== -constants.errno.EAGAIN
  }

  close(): void {
    addon().close(this.#fd)
  }
}

/** `struct sockaddr_un`: an abstract name begins with a zero byte and ends with the address, a path ends with one. */
export function unixAddress(path: string): Uint8Array {
  const name = path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`
  const family = endianness() === 'LE' ? [AF_UNIX, 0] : [0, AF_UNIX]
  return Buffer.concat([Buffer.from(family), Buffer.from(name)])
}
