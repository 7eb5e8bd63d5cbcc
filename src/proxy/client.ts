import type { Socket } from 'node:net'
import { noLongerNeeded } from '../runtime/deadline.js'
import { unmapped } from '../sockets/ip.js'
import { type Parsed, SocksError } from './socks-messages.js'

/** Longer than any message of a handshake: 2 + 255, 3 + 2 * 255, 7 + 255 bytes. */
const longest = 600

/** A client's connection, with a time limit for its requests. */
export class Client {
  readonly socket: Socket
  readonly address: string
  /** Fires when the connection is gone: nothing needs to be opened for it any more. */
  readonly signal: AbortSignal
  readonly #timeout: number
  #timer: NodeJS.Timeout | undefined

  constructor(socket: Socket, handshakeTimeout: number) {
    const controller = new AbortController()
    this.socket = socket
    this.address = unmapped(socket.remoteAddress ?? '')
    this.signal = controller.signal
    this.#timeout = handshakeTimeout
    // Its end only means that it sends nothing more.
    socket.allowHalfOpen = true
    socket.setNoDelay(true).setKeepAlive(true, 60_000)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.heard()
      controller.abort(noLongerNeeded)
    })
    this.wait()
  }

  /** Starts the time limit of a request, which `heard` ends. */
  wait(): void {
    this.heard()
    this.#timer = setTimeout(() => this.socket.destroy(), this.#timeout)
  }

  /** The client has sent its request. */
  heard(): void {
    clearTimeout(this.#timer)
  }

  /** Peeks at the first byte. */
  async peek(): Promise<number> {
    const chunk = await this.#chunk()
    this.socket.unshift(chunk)
    return chunk[0]!
  }

  /** Reads one message, however many chunks it comes in. Later bytes stay in the stream. */
  async read<T>(parse: (bytes: Buffer) => Parsed<T>): Promise<T> {
    let bytes: Buffer = Buffer.alloc(0)
    for (;;) {
      bytes = Buffer.concat([bytes, await this.#chunk()])
      const parsed = parse(bytes)
      if (parsed) {
        if (parsed.length < bytes.length) this.socket.unshift(bytes.subarray(parsed.length))
        return parsed.value
      }
      if (bytes.length > longest) throw new SocksError('message too long')
    }
  }

  /** Reads from a paused stream, so that the kernel slows the client down while nobody reads. */
  #chunk(): Promise<Buffer> {
    const { socket } = this
    return new Promise((resolve, reject) => {
      const look = () => {
        const chunk: Buffer | null = socket.read()
        if (chunk) settle(() => resolve(chunk))
      }
      const gone = () => settle(() => reject(new SocksError('the client is gone')))
      const settle = (finish: () => void) => {
        socket.off('readable', look).off('end', gone).off('close', gone)
        finish()
      }
      socket.on('readable', look).on('end', gone).on('close', gone)
      look()
    })
  }
}
