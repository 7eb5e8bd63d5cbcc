import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { onTestFinished } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { decodeAddress } from '../../src/sockets/address.js'
import { openDescriptor } from '../../src/sockets/open.js'

const folder = new URL('../lab/certificates/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')

/** The CA that signed all certificates of `httpsServer`, in PEM. */
export const ca = read('ca.pem')

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>(resolve => server.close(() => resolve()))
  })
  return (server.address() as AddressInfo).port
}

/** Serves on 127.0.0.1 until the test ends, like the functions below. Resolves with the port. */
export function httpServer(listener: RequestListener): Promise<number> {
  return listening(createServer(listener))
}

export function httpsServer(listener: RequestListener, certificate = 'server'): Promise<number> {
  return listening(createSecureServer(certificateOf(certificate), listener))
}

/** Key and certificate as options for a TLS server. */
export function certificateOf(name: string) {
  return { key: read(`${name}.key`), cert: read(`${name}.pem`) }
}

export function tcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  return listening(createTcpServer(onConnection))
}

/** Options for TLS. Without them, the server uses plain TCP. */
export type Secure = Pick<TlsOptions, 'maxVersion' | 'requestCert'>

/** Answers for `serving` that break off, with the status that a client reads and its error message. */
export const brokenAnswers: [what: string, parts: string[], status: number | undefined, message: string][] = [
  ['reset', ['HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this', 'reset'], 200, 'aborted'],
  ['closed', ['HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this'], 200, 'aborted'],
  ['reset in chunks', ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe', 'reset'], 200, 'aborted'],
  ['reset before anything', ['reset'], undefined, 'read ECONNRESET'],
  ['closed before anything', [], undefined, 'socket hang up'],
  ['closed in the header', ['HTTP/1.1 2'], undefined, 'socket hang up'],
]

/**
 * A server that sends these parts one at a time after it has received a request header. `reset` resets the connection. `reset behind
 * it` resets it before anyone can read the previous part.
 */
export async function serving(parts: readonly string[], secure?: Secure) {
  const requests: string[] = []
  const answer = (socket: Socket) => {
    const chunks: Buffer[] = []
    let end = ''
    socket.on('error', () => {})
    socket.on('data', async data => {
      chunks.push(data)
      end = (end + data.subarray(-4).toString('latin1')).slice(-4)
      if (end !== '\r\n\r\n') return
      requests.push(Buffer.concat(chunks).toString('latin1'))
      for (const [index, part] of parts.entries()) {
        if (part.startsWith('reset')) raw.get(socket.remotePort!)!.resetAndDestroy()
        else socket.write(part, 'latin1')
        if (parts[index + 1] !== 'reset behind it') await sleep(30)
      }
      socket.end()
    })
  }
  const server = secure
    ? createTlsServer({ ...certificateOf('server'), ca, ...secure }, answer)
    : createTcpServer(answer)
  const raw = new Map<number, Socket>()
  server.prependListener('connection', (socket: Socket) => raw.set(socket.remotePort!, socket))
  const port = await listening(server)
  return { url: `http${secure ? 's' : ''}://127.0.0.1:${port}/`, port, requests }
}

/**
 * A TCP and UDP port without a listener. It is below the ephemeral range, so the kernel never assigns it. Fetch refuses most other low
 * ports.
 */
export const closedPort = 2

/** The port of a name server that never answers. */
export async function silentUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  onTestFinished(() => void socket.close())
  return socket.address().port
}

/** A port with a full accept queue. Connections to it are neither accepted nor refused. */
export async function stalledPort(): Promise<number> {
  const fd = openDescriptor(4, 'stream', 0, { localAddress: '127.0.0.1' }, 0)
  addon().listen(fd, 0)
  const address = new Uint8Array(28)
  const { port } = decodeAddress(address, addon().getsockname(fd, address))!
  const fillers = [1, 2, 3].map(() => connect(port, '127.0.0.1').on('error', () => {}))
  onTestFinished(() => {
    for (const socket of fillers) socket.destroy()
    addon().close(fd)
  })
  await sleep(20)
  return port
}
