import type { ClientRequest, ClientRequestArgs } from 'node:http'
import type { Socket } from 'node:net'
import { nodeHttp } from '../../builtins.js'
import { NetviaError } from '../../errors.js'

/**
 * A request of Node's client over this connection, and no other. It is not `http.request`: packages such as global-agent replace
 * that by a function that sends every request of the program through a proxy.
 */
export function requestOn(connection: Socket, options: ClientRequestArgs): ClientRequest {
  const { ClientRequest } = nodeHttp()
  const request = new ClientRequest({ ...options, createConnection: () => connection } as never)
  // Nothing is written before this event.
  return request.on('socket', socket => {
    if (socket !== connection) request.destroy(replaced())
  })
}

function replaced(): NetviaError {
  const hint = "look for a package in this program that replaces Node's HTTP client"
  return new NetviaError(`the HTTP request has left its connection; ${hint}`, { code: 'ERR_DEVICE_NOT_BOUND', hint })
}
