import type { ClientRequest, ClientRequestArgs } from 'node:http'
import type { Socket } from 'node:net'
import { nodeHttp } from '../../builtins.js'
import { NetviaError } from '../../errors.js'

/** Interim responses (1xx) before the response. A server that sends them without end would keep the event loop busy. */
const maxInterim = 100
const tooMany = `Parse Error: more than ${maxInterim} interim responses`

/**
 * A request of Node's client over this connection, and no other. It is not `http.request`: packages such as global-agent replace
 * that by a function that sends every request of the program through a proxy.
 */
export function requestOn(connection: Socket, options: ClientRequestArgs): ClientRequest {
  const { ClientRequest } = nodeHttp()
  const request = new ClientRequest({ ...options, createConnection: () => connection } as never)
  // Node drops fields behind the first 2,000 otherwise, and the length of a message may be one. Their size is bounded.
  request.maxHeadersCount = 0
  let interim = 0
  const onInterim = () => {
    if (++interim > maxInterim) request.destroy(Object.assign(new Error(tooMany), { code: 'HPE_HEADER_OVERFLOW' }))
  }
  request.on('continue', onInterim).on('information', onInterim)
  // Nothing is written before this event.
  return request.on('socket', socket => {
    if (socket !== connection) request.destroy(replaced())
  })
}

function replaced(): NetviaError {
  const hint = "look for a package in this program that replaces Node's HTTP client"
  return new NetviaError(`the HTTP request has left its connection; ${hint}`, { code: 'ERR_DEVICE_NOT_BOUND', hint })
}
