import type { Socket } from 'node:net'
import type { NetviaError } from '../../errors.js'
import { reachesItself, reachOf } from '../../system/reach.js'
import { redirectError } from './redirect.js'

/**
 * A server elsewhere may not use a check to reach what only this machine or its links can: its own services, or those of
 * cloud providers and modems at link-local addresses. Judged by the addresses that connections are made to, after name
 * resolution, so that no name gets around it, not even one that has another address when it is asked for again.
 *
 * @throws NetviaError `ERR_HTTP_REDIRECT`.
 */
export function guardRedirect(from: string, to: string): void {
  const target = reachOf(to)
  if (target === 'elsewhere') return
  const source = reachOf(from)
  if (source === 'machine' || source === target) return
  throw refused()
}

/** Once the connection is made. */
export function guardConnection(from: string, socket: Socket): void {
  if (reachesItself(socket) && reachOf(from) !== 'machine') throw refused()
}

function refused(): NetviaError {
  return redirectError('the redirect leads to this machine or to a link-local address')
}
