import type { Socket } from 'node:net'

/**
 * Moves bytes both ways until both sides have ended. It buffers no more than the streams do, and passes on the end of one side
 * (half-close). If one connection breaks or is idle for too long, it resets both, so that a cut transfer doesn't look complete.
 */
export function relay(client: Socket, upstream: Socket, idleTimeout: number): void {
  join(client, upstream)
  join(upstream, client)
  client.setTimeout(idleTimeout, () => {
    client.resetAndDestroy()
    upstream.resetAndDestroy()
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
