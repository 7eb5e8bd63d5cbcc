import type { Socket } from 'node:net'
import { descriptorOf } from '../../sockets/hand-over.js'
import { plainAnswer } from './plain-answer.js'
import { askByNode, askOnward, encodePlainly, type HttpAnswer, type HttpQuestion, hangUp } from './question.js'

const none = Buffer.alloc(0)

/**
 * One HTTP/1.1 request over one of Node's TLS sockets. As `PlainConnection`, it does what is beyond doubt without Node's
 * client, and leaves everything else to it.
 */
export class SecureConnection {
  readonly #socket: Socket
  #wait: { resolve: (received: Buffer) => void; reject: (error: Error) => void } | undefined

  constructor(socket: Socket) {
    this.#socket = socket.on('error', error => this.#wait?.reject(error))
  }

  /** -1 once it is closed. */
  get descriptor(): number {
    return descriptorOf(this.#socket)
  }

  async ask(question: HttpQuestion): Promise<HttpAnswer> {
    const socket = this.#socket
    const text = encodePlainly(question)
    if (text === undefined) return askByNode(socket, question)
    socket.write(text, 'latin1')
    const onData = (received: Buffer) => {
      socket.pause()
      this.#wait!.resolve(received)
    }
    const onEnd = () => this.#wait!.resolve(none)
    socket.on('data', onData).on('end', onEnd).on('close', onEnd)
    const received = await this.#read()
    if (received.length === 0) throw hangUp()
    // However a body breaks off, Node's client has the same words for it.
    const answer = plainAnswer(received, question.method, () => this.#read().catch(() => none))
    if (answer) return answer
    socket.off('data', onData).off('end', onEnd).off('close', onEnd)
    return askOnward(socket, received, question)
  }

  /** Ends TLS first, unless the connection is broken. */
  destroy(): void {
    if (this.#socket.writable) this.#socket.end()
    this.#socket.destroy()
  }

  /** The socket reads only while this waits. */
  #read(): Promise<Buffer> {
    const { errored, readableEnded, destroyed } = this.#socket
    return new Promise((resolve, reject) => {
      this.#wait = { resolve, reject }
      if (errored) reject(errored)
      else if (readableEnded || destroyed) resolve(none)
      else this.#socket.resume()
    })
  }
}
