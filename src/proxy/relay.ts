import type { Socket } from 'node:net'

/**
 * Moves bytes both ways until both sides have ended: no more than the streams' own buffers wait, and an end is passed on alone
 * (half-close). A connection that breaks is reset on the other side too, so that what is cut off doesn't look complete.
 */
export function relay(client: Socket, upstream: Socket, idleTimeout: number): void {
  join(client, upstream)
  join(upstream, client)
  client.setTimeout(idleTimeout, () => {
    client.destroy()
    upstream.destroy()
  })
}

function join(from: Socket, to: Socket): void {
  if (from.destroyed) return void to.resetAndDestroy()
  from.allowHalfOpen = true
  from.on('error', () => to.resetAndDestroy())
  from.on('close', () => {
    if (from.readableEnded) to.destroySoon()
    else to.resetAndDestroy()
  })
  from.pipe(to)
}
