import type { Socket } from 'node:net'
import { nodeCrypto } from '../../builtins.js'
import { joinHostPort, NetviaError } from '../../errors.js'
import type { Signal } from '../../runtime/cancel.js'
import { deviceDown } from '../../system/device-down.js'
import { destroyWithDevice } from '../../system/device-loss.js'

export type Message = Record<string, unknown>

/** The version of the protocol is a part of its name: a server takes no client of another. */
export const protocolName = 'netvia rate 1'

/** What proves the token without sending it, and only to whoever made the nonce. */
export function proofOf(token: string, nonce: string): string {
  return nodeCrypto().createHmac('sha256', token).update(`${protocolName}\n${nonce}`).digest('hex')
}

/** Messages that nobody has read yet. */
const mostWaiting = 4

/** Messages of JSON, one a line, over a TCP connection. */
export class Channel {
  readonly #socket: Socket
  readonly #limit: number
  readonly #device: string | undefined
  readonly #messages: Message[] = []
  #text = ''
  #error: Error | undefined
  #wake: () => void = () => {}
  readonly #onData = (data: Buffer) => this.#hear(data.toString('latin1'))

  /** `limit`: characters of the longest message. The loss of the `device` ends the channel. */
  constructor(socket: Socket, limit: number, device?: string) {
    this.#socket = socket
    this.#limit = limit
    this.#device = device
    socket.setNoDelay(true)
    destroyWithDevice(socket, device)
    socket.on('data', this.#onData)
    socket.on('error', error => this.#fail(error))
    socket.on('close', () => this.#fail(this.#lost('ECONNRESET', 'the other end closed the connection')))
    // Node would otherwise keep this half open.
    socket.on('end', () => socket.destroy())
  }

  get closed(): boolean {
    return this.#error !== undefined
  }

  send(message: Message): void {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(message)}\n`)
  }

  /**
   * The next message.
   *
   * @throws NetviaError `ETIMEDOUT` after `timeout` milliseconds, `EPROTO` for anything else than a message; the error of the
   * connection; `signal.reason`.
   */
  async receive(timeout: number, signal?: Signal): Promise<Message> {
    signal?.throwIfAborted()
    if (this.#messages.length === 0 && !this.#error) await this.#waited(timeout, signal)
    signal?.throwIfAborted()
    const message = this.#messages.shift()
    if (message) return message
    throw this.#error ?? this.#silence(timeout)
  }

  #waited(timeout: number, signal: Signal | undefined): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#wake(), timeout)
      const onAbort = () => this.#wake()
      signal?.addEventListener('abort', onAbort)
      this.#wake = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#wake = () => {}
        resolve()
      }
    })
  }

  /** Ends the messages: the connection carries data from now on, and its errors are the caller's. */
  release(): Socket {
    const socket = this.#socket
    socket.off('data', this.#onData)
    return socket
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Closes it once the messages are sent, whether or not the other end closes too. */
  end(): void {
    this.release().end(() => this.close())
  }

  /** Ends it for what the other end did. */
  refuse(words = 'this is no netvia line --serve that measures rates'): void {
    this.#messages.length = 0
    this.#fail(this.#lost('EPROTO', words))
    this.close()
  }

  #hear(data: string): void {
    this.#text += data
    const lines = this.#text.split('\n')
    this.#text = lines.pop()!
    for (const line of lines) {
      const message = line.length <= this.#limit ? parse(line) : undefined
      if (!message) {
        this.refuse()
        return
      }
      this.#messages.push(message)
    }
    if (this.#text.length > this.#limit || this.#messages.length > mostWaiting) this.refuse()
    else if (lines.length) this.#wake()
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.#wake()
  }

  #silence(timeout: number): NetviaError {
    return (
      deviceDown('rate', { ...this.#far, device: this.#device }) ??
      this.#lost('ETIMEDOUT', `no answer within ${timeout} ms`)
    )
  }

  #lost(code: string, words: string): NetviaError {
    const far = this.#far
    const where = far ? ` (${joinHostPort(far.address, far.port)})` : ''
    return new NetviaError(`rate ${code}: ${words}${where}`, { code, syscall: 'rate', ...far })
  }

  /** The other end, until the socket is closed. */
  get #far(): { address: string; port: number } | undefined {
    const { remoteAddress: address, remotePort: port = 0 } = this.#socket
    return address === undefined ? undefined : { address, port }
  }
}

function parse(line: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Message) : undefined
  } catch {
    return undefined
  }
}
