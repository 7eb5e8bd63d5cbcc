import type { NetviaError } from '../../errors.js'
import { reachesItself, reachOf } from '../../system/reach.js'
import { redirectError } from './redirect.js'

/**
 * Prevents remote servers from using a check to reach what only this machine or its links can reach: its own services, or those
 * of cloud providers and modems at link-local addresses. It judges the address of each connection after name resolution, so no
 * name can bypass it, even one that resolves differently the next time.
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

/** The same check once the connection is established. */
export function guardConnection(from: string, ends: Parameters<typeof reachesItself>[0]): void {
  if (reachesItself(ends) && reachOf(from) !== 'machine') throw refused()
}

function refused(): NetviaError {
  return redirectError('the redirect leads to this machine or to a link-local address')
}
