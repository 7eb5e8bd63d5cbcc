import type { Socket } from 'node:net'
import { openTunnel, type Tunnel } from '../binding/relay.js'
import { descriptorOf } from '../sockets/hand-over.js'
import { SocketCarrier } from './carrier.js'
import type { Client } from './client.js'
import { type Opened, track } from './uplinks.js'

/**
 * Sends the reply to the client, then moves bytes both ways until both sides have ended, and passes on the end of one side
 * (half-close). If one connection breaks or is idle for too long, it resets both, so that a cut transfer doesn't look complete.
 */
export function relay(client: Client, opened: Opened<Socket>, reply: Buffer, idleTimeout: number): void {
  const upstream = opened.value
  const tunnel = takeOver(client.socket, upstream, reply, idleTimeout)
  track(opened, tunnel ?? new SocketCarrier(upstream))
  if (tunnel) client.passTo(tunnel)
  else {
    client.socket.write(reply)
    relayStreams(client.socket, upstream, idleTimeout)
  }
}

/** Moves the descriptors from Node's sockets to a tunnel. Undefined: the sockets are as before. */
function takeOver(client: Socket, upstream: Socket, reply: Buffer, idleTimeout: number): Tunnel | undefined {
  if (!isPlain(client) || !isPlain(upstream)) return undefined
  const early = readBuffered(client)
  const late = readBuffered(upstream)
  const ends = {
    ...{ client: descriptorOf(client), upstream: descriptorOf(upstream) },
    ...{ toClient: Buffer.concat([reply, late]), toUpstream: early },
    before: { sent: upstream.bytesWritten + early.length, received: upstream.bytesRead },
  }
  const tunnel = openTunnel(ends, idleTimeout)
  if (tunnel) {
    client.destroy()
    upstream.destroy()
  } else {
    if (early.length > 0) client.unshift(early)
    if (late.length > 0) upstream.unshift(late)
  }
  return tunnel
}

/** Whether its descriptor has all there is to know: Deno hides it, Bun reads ahead, and TLS has keys. */
function isPlain(socket: Socket): boolean {
  return !process.versions.bun && descriptorOf(socket) >= 0 && !socket.destroyed && socket.writableLength === 0
}

function readBuffered(socket: Socket): Buffer {
  const chunks: Buffer[] = []
  for (let chunk = socket.read(); chunk; chunk = socket.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function relayStreams(client: Socket, upstream: Socket, idleTimeout: number): void {
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
