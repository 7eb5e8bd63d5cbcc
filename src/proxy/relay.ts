import type { Socket } from 'node:net'
import { openTunnel, type Tunnel } from '../binding/relay.js'
import { descriptorOf } from '../sockets/hand-over.js'
import { resetSocket } from '../sockets/reset.js'
import { SocketCarrier } from './carrier.js'
import type { Client } from './client.js'
import { Descriptor, type End, toSocket } from './descriptor.js'
import { NearDescriptor } from './near-descriptor.js'
import type { ProxyContext } from './proxy-context.js'
import { readOn } from './read-on.js'
import { type Opened, track } from './uplinks.js'

/**
 * Sends the reply to the client, then moves bytes both ways until both sides have ended, and passes on the end of one side
 * (half-close). If one connection breaks or is idle for too long, it resets both, so that a cut transfer doesn't look complete.
 */
export function relay(client: Client, opened: Opened<End>, reply: Buffer, context: ProxyContext): void {
  // Its number may be another's by now.
  if (client.signal.aborted) return void opened.value.destroy()
  const { idleTimeout, uplinks } = context
  const tunnel = uplinks.followSockets ? undefined : takeOver(client.connection, opened.value, reply, idleTimeout)
  if (tunnel) {
    track(opened, tunnel)
    client.passTo(tunnel)
    return
  }
  const upstream = toSocket(opened.value)
  track(opened, new SocketCarrier(upstream))
  const socket = client.toSocket()
  socket.write(reply)
  relayStreams(socket, upstream, idleTimeout)
}

/** Moves the descriptors to a tunnel. Undefined: they are as before. */
function takeOver(client: End, far: End, reply: Buffer, idleTimeout: number): Tunnel | undefined {
  if (!isPlain(client) || !isPlain(far)) return undefined
  if (client instanceof NearDescriptor) client.leave()
  const early = readBuffered(client)
  const late = readBuffered(far)
  const ends = {
    ...{ client: fdOf(client), upstream: fdOf(far) },
    ...{ toClient: late.length > 0 ? Buffer.concat([reply, late]) : reply, toUpstream: early },
    before: { sent: countOf(far, 'bytesWritten') + early.length, received: countOf(far, 'bytesRead') },
  }
  const tunnel = openTunnel(ends, idleTimeout)
  if (tunnel) {
    for (const end of [client, far]) if (!(end instanceof Descriptor)) end.destroy()
  } else {
    putBack(client, early)
    putBack(far, late)
  }
  return tunnel
}

const empty = Buffer.alloc(0)

/** A descriptor has moved nothing yet. */
function countOf(far: End, count: 'bytesRead' | 'bytesWritten'): number {
  return far instanceof Descriptor ? 0 : far[count]
}

function fdOf(far: End): number {
  return far instanceof Descriptor ? far.fd : descriptorOf(far)
}

/** Whether the descriptor has all there is to know: Deno hides it, Bun reads ahead of its streams. */
function isPlain(end: End): boolean {
  if (end instanceof Descriptor) return true
  return !process.versions.bun && descriptorOf(end) >= 0 && !end.destroyed && end.writableLength === 0
}

function readBuffered(end: End): Buffer {
  if (end instanceof Descriptor) return end.takeUnread()
  if (end.readableLength === 0) return empty
  const chunks: Buffer[] = []
  for (let chunk = end.read(); chunk; chunk = end.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function putBack(end: End, bytes: Buffer): void {
  if (bytes.length > 0) end.unshift(bytes)
}

function relayStreams(client: Socket, upstream: Socket, idleTimeout: number): void {
  join(client, upstream)
  join(upstream, client)
  client.setTimeout(idleTimeout, () => {
    resetSocket(client)
    resetSocket(upstream)
  })
}

function join(from: Socket, to: Socket): void {
  if (from.destroyed) return void resetSocket(to)
  from.allowHalfOpen = true
  readOn(from, () => resetSocket(to))
  from.on('close', () => {
    if (from.readableEnded) to.destroySoon()
    else resetSocket(to)
  })
  from.pipe(to)
}
