import { EventEmitter } from 'node:events'
import type { ClientRequest } from 'node:http'
import { Cancel, type Signal } from '../../runtime/cancel.js'
import { unref } from '../../runtime/timers.js'
import { hangUp } from './question.js'

/**
 * A placeholder in an agent's pool for a connection that is being made, so that `maxSockets` counts it. It ends the
 * connection when the request or the agent is destroyed. It has the parts of a socket that an agent needs, at a tenth of
 * the cost.
 */
export class PendingConnection extends EventEmitter {
  readonly writable = false
  destroyed = false
  readonly #cancel = new Cancel()
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
    // As with Node's own sockets, the request's timeout runs while the connection is made.
    const { timeout } = request as ClientRequest & { timeout?: number }
    if (timeout) this.#timer = unref(setTimeout(() => request.emit('timeout'), timeout))
  }

  get signal(): Signal {
    return this.#cancel
  }

  /** As the agent does with its sockets when it is destroyed. The error is optional. */
  destroy(error: Error = hangUp()): this {
    this.destroyed = true
    this.#cancel.abort(error)
    return this
  }

  /** The connection is established or has failed. */
  end(): void {
    this.destroyed = true
    this.#request.destroy = this.#destroyRequest
    clearTimeout(this.#timer)
  }
}
