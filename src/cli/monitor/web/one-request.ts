import type { Socket } from 'node:net'
import { OverSocket } from '../over-socket.js'

/** In ms without a byte sent or received, while a response is being sent or no request is pending. */
const idleTimeout = 60_000
/** In ms, from the connection or the last answer to the next request, or to the end that the client was asked for. */
const requestTimeout = 5000
const emptyLine = Buffer.from('\r\n')
const endOfHeader = Buffer.from('\r\n\r\n')

/**
 * A connection as the HTTP server sees it: one request at a time. Node parses every request that one read brings and begins to
 * answer all of them, so a thousand in a single write would be a thousand answers in memory. Here the next request stays outside
 * until `next()`. A client that sends more than `maxHeld` bytes ahead is dropped.
 */
export class OneRequest extends OverSocket {
  readonly #maxHeld: number
  #held: Buffer = Buffer.alloc(0)
  #busy = false
  #timer: NodeJS.Timeout | undefined

  /** `maxHeld`: bytes of the longest header. A request has no body. */
  constructor(socket: Socket, maxHeld: number) {
    super(socket, { allowHalfOpen: false })
    this.#maxHeld = maxHeld
    this.#expect()
    socket.setTimeout(idleTimeout, () => {
      // Making an answer may take longer.
      if (!this.#busy || socket.writableLength > 0) this.destroy()
    })
    socket.on('data', data => this.#receive(data))
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.destroy())
    socket.on('end', () => {
      if (this.#busy) this.destroy()
      else this.push(null)
    })
  }

  /** The request has come. */
  begin(): void {
    clearTimeout(this.#timer)
  }

  /** Lets the next request in, because the answer is complete, unless that ends the connection. */
  next(): void {
    if (this.destroyed) return
    this.#expect()
    if (this.writableEnded) return
    this.#busy = false
    this.#admit()
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#held = Buffer.alloc(0)
    super._destroy(error, done)
  }

  #expect(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.writableEnded) this.destroy()
      else this.#refuse('408 Request Timeout')
    }, requestTimeout)
  }

  #refuse(status: string): void {
    this.carrier.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => this.destroy())
  }

  #receive(data: Buffer): void {
    if (this.destroyed) return
    if (this.#held.length + data.length <= this.#maxHeld) {
      // A copy, because a slice would keep the whole read buffer in memory.
      this.#held = Buffer.concat([this.#held, data])
      this.#admit()
    } else if (this.#busy) this.destroy()
    else this.#refuse('431 Request Header Fields Too Large')
  }

  #admit(): void {
    if (this.#busy) return
    // Before a request (RFC 9112 section 2.2).
    while (this.#held.indexOf(emptyLine) === 0) this.#held = this.#held.subarray(emptyLine.length)
    const end = this.#held.indexOf(endOfHeader)
    if (end === -1) return
    const header = this.#held.subarray(0, end + endOfHeader.length)
    this.#held = this.#held.subarray(header.length)
    this.#busy = true
    this.push(header)
  }
}
