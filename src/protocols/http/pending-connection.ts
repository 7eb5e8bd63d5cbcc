import { EventEmitter } from 'node:events'
import type { ClientRequest } from 'node:http'

/**
 * Stands in an agent's pool for a connection that is on its way, so that `maxSockets` counts it, and ends it when nobody wants
 * it any more: the request was destroyed, or the agent. It has what an agent needs of its sockets, and costs a tenth of a socket.
 */
export class PendingConnection extends EventEmitter {
  readonly writable = false
  destroyed = false
  readonly #controller = new AbortController()
  readonly #request: ClientRequest
  readonly #destroyRequest: ClientRequest['destroy']
  readonly #timer: NodeJS.Timeout | undefined

  constructor(request: ClientRequest) {
    super()
    this.#request = request
    this.#destroyRequest = request.destroy
    // A request without a socket doesn't report that it was destroyed (Node only looks once there is a socket).
    request.destroy = error => {
      const destroyed = this.#destroyRequest.call(request, error)
      this.destroy(error)
      return destroyed
    }
    // As with a socket of Node's own, the request's time runs while the connection is made.
    const { timeout } = request as ClientRequest & { timeout?: number }
    if (timeout) this.#timer = setTimeout(() => request.emit('timeout'), timeout).unref()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** As the agent does with its sockets when it is destroyed. The error is optional. */
  destroy(error: Error = hangUp()): this {
    this.destroyed = true
    this.#controller.abort(error)
    return this
  }

  /** The connection is established or has failed. */
  end(): void {
    this.destroyed = true
    this.#request.destroy = this.#destroyRequest
    clearTimeout(this.#timer)
  }
}

/** Node's error for a request that is destroyed before there is an answer. */
function hangUp(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
}
