import type { Socket } from 'node:net'
import { constants as system } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { addon } from '../../binding/addon.js'
import { Watch } from '../../binding/poller.js'
import { descriptorOf, handOver } from '../../sockets/hand-over.js'
import { plainAnswer } from './plain-answer.js'
import { askByNode, askOnward, encodePlainly, type HttpAnswer, type HttpQuestion } from './question.js'

const { EAGAIN } = system.errno

/** All connections share this buffer. What one has read is copied before another can read. */
const room = Buffer.alloc(65_536)

/**
 * One HTTP/1.1 request over a connected descriptor, without a `net.Socket` and Node's client, which cost several times as
 * much as the rest of a check. It does only what is beyond doubt: it sends plain requests, and reads responses whose header
 * arrives whole and whose length is given. Everything else it leaves to Node's client from the beginning, so verdicts
 * and errors are Node's.
 *
 * It owns the descriptor. It doesn't keep the event loop alive: the caller has a time limit.
 */
export class PlainConnection {
  readonly #device: string | undefined
  #fd: number
  #watch: Watch | undefined
  #wait: { resolve: () => void; reject: (error: unknown) => void } | undefined
  #socket: Socket | undefined

  constructor(fd: number, device: string | undefined) {
    this.#fd = fd
    this.#device = device
  }

  /** -1 once it is closed. */
  get descriptor(): number {
    return this.#socket ? descriptorOf(this.#socket) : this.#fd
  }

  async ask(question: HttpQuestion): Promise<HttpAnswer> {
    const text = encodePlainly(question)
    if (text === undefined) return askByNode(this.#toSocket(), question)
    const bytes = Buffer.from(text, 'latin1')
    const sent = addon().write(this.#fd, bytes)
    if (sent < 0 && sent !== -EAGAIN) throw failed(sent, 'write')
    if (sent !== bytes.length) return this.#askOnward(question, bytes.subarray(Math.max(0, sent)), none)
    const received = await this.#read()
    if (typeof received === 'number') throw failed(received, 'read')
    const answer = plainAnswer(received, question.method, async () => {
      const more = await this.#read()
      return typeof more === 'number' ? none : more
    })
    return answer ?? this.#askOnward(question, none, received)
  }

  /** A pending `ask`, and one that reads the body, reject with the error if there is one. */
  destroy(error?: Error): void {
    if (this.#socket) this.#socket.destroy(error)
    if (this.#fd < 0) return
    this.#watch?.close()
    addon().close(this.#fd)
    this.#fd = -1
    if (error) this.#wait?.reject(error)
  }

  /** Lets Node's client take over, for which the request has been written except for `unsent`. */
  #askOnward(question: HttpQuestion, unsent: Uint8Array, received: Uint8Array): Promise<HttpAnswer> {
    const socket = this.#toSocket()
    if (unsent.length > 0) socket.write(unsent)
    return askOnward(socket, received, question)
  }

  #toSocket(): Socket {
    const fd = this.#fd
    this.#fd = -1
    this.#watch?.close()
    this.#socket = handOver(fd, this.#device)
    // Only `destroy` ends it once Node's client is done.
    return this.#socket.setNoDelay(true).on('error', () => {})
  }

  /** What comes next, empty at the end, or a negative errno. */
  async #read(): Promise<Buffer | number> {
    for (;;) {
      await this.#readable()
      const length = addon().read(this.#fd, room)
      if (length >= 0) return Buffer.from(room.subarray(0, length))
      if (length !== -EAGAIN) return length
    }
  }

  #readable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wait = { resolve, reject }
      this.#watch ??= new Watch(this.#fd, () => this.#wait!.resolve())
      this.#watch.arm(addon().constants.EPOLLIN!)
    })
  }
}

const none = new Uint8Array(0)

/** As of a socket of Node's. */
function failed(errno: number, syscall: string): Error {
  const code = getSystemErrorName(errno)
  return Object.assign(new Error(`${syscall} ${code}`), { errno, code, syscall })
}
