import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Failed } from './probe.js'

/** In bytes, the same limit as in blackbox_exporter. */
const longestLine = 65_536

/** Reads what a server sends line by line, without line ends. */
export class LineReader {
  readonly #socket: Socket
  #held = Buffer.alloc(0)
  #ended = false
  #error: Error | undefined
  readonly #onData = (data: Buffer) => {
    this.#held = Buffer.concat([this.#held, data])
    // Pauses a server that sends more than is read.
    if (this.#held.length > longestLine) this.#socket.pause()
    this.#socket.emit(news)
  }
  readonly #onEnd = () => {
    this.#ended = true
    this.#socket.emit(news)
  }
  readonly #onError = (error: Error) => {
    this.#error = error
    this.#onEnd()
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#onData).on('close', this.#onEnd).on('end', this.#onEnd).on('error', this.#onError)
  }

  /** Undefined at the end. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#held.indexOf('\n')
      if (end !== -1) return this.#take(end, end + 1)
      if (this.#held.length >= longestLine) throw new Failed('the server sends a line of more than 65,536 bytes')
      if (this.#error) throw this.#error
      if (this.#ended) return this.#held.length === 0 ? undefined : this.#take(this.#held.length, this.#held.length)
      this.#socket.resume()
      await once(this.#socket, news)
    }
  }

  /** Leaves the socket to TLS. */
  detach(): void {
    const socket = this.#socket
    socket.off('data', this.#onData).off('close', this.#onEnd).off('end', this.#onEnd).off('error', this.#onError)
  }

  #take(end: number, next: number): string {
    const line = this.#held.toString('utf8', 0, end)
    this.#held = this.#held.subarray(next)
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }
}

/** Waits for an event of the socket. Its errors are handled elsewhere. */
const news = Symbol('news')
