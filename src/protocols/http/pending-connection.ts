import type { ClientRequest } from 'node:http'
import { Socket } from 'node:net'

/**
 * Stands in an agent's pool for a connection that is on its way, so that `maxSockets` counts it, and ends it when nobody wants
 * it any more: the request was destroyed, or the agent.
 */
export class PendingConnection {
  /** Never opened; what the agent destroys when it is destroyed. */
  readonly socket = new Socket()
  readonly #controller = new AbortController()
  readonly #request: ClientRequest
  readonly #destroyRequest: ClientRequest['destroy']

  constructor(request: ClientRequest) {
    this.#request = request
    this.#destroyRequest = request.destroy
    // Who destroys it may say why; it is no error of its own.
    this.socket.on('error', () => {})
    this.socket.once('close', () => this.#controller.abort(this.socket.errored ?? hangUp()))
    // A request without a socket tells nobody that it was destroyed (Node only looks once there is a socket).
    request.destroy = error => {
      const destroyed = this.#destroyRequest.call(request, error)
      this.#controller.abort(error ?? hangUp())
      return destroyed
    }
    // As with a socket of Node's own, the request's time runs while the connection is made.
    const { timeout } = request as ClientRequest & { timeout?: number }
    if (timeout) this.socket.setTimeout(timeout, () => request.emit('timeout'))
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The connection stands or has failed. */
  end(): void {
    this.#request.destroy = this.#destroyRequest
    this.socket.removeAllListeners()
    this.socket.destroy()
  }
}

/** What Node says of a request that is destroyed before there is an answer. */
function hangUp(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
}
