import type { Socket } from 'node:net'
import { addon } from '../../../binding/addon.js'
import { PlainConnection } from '../../../protocols/http/plain-connection.js'
import { type Dialed, dial, dialDescriptor } from '../../../protocols/tcp/dial.js'
import { newProgress } from '../../../protocols/tcp/time-limit.js'
import { localAddressOf } from '../../../sockets/address.js'
import { verifyDevice } from '../../../sockets/open.js'
import type { Probe } from './probe.js'
import { servicePort } from './service-port.js'

/** Opens a TCP connection over the probe's path, within its time. */
export function openConnection({ path, signal }: Probe, host: string, port: number, source?: string): Promise<Dialed> {
  const localAddress = source ?? path.localAddress
  return dial(Object.assign({}, path, { localAddress, host, port, noDelay: true }), signal, newProgress('connection'))
}

/** Opens a connection in the same way, for one request without TLS. */
export async function openPlain({ path, signal }: Probe, host: string, port: number) {
  const target = Object.assign({}, path, { host, port })
  const { fd, dnsMs, connectMs } = await dialDescriptor(target, signal, newProgress('connection'))
  const socket = new PlainConnection(fd, path.device)
  try {
    if (path.device !== undefined) verifyDevice(fd, path.device)
    return { socket, dnsMs, connectMs }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Opens a connection in the same way, closes it, and returns both addresses. It needs no socket of Node's. */
export async function tryConnection({ path, signal }: Probe, host: string, port: number, source?: string) {
  const localAddress = source ?? path.localAddress
  const from = Object.assign({}, path, { localAddress, host, port })
  const { fd } = await dialDescriptor(from, signal, newProgress('connection'))
  try {
    if (path.device !== undefined) verifyDevice(fd, path.device)
    return { localAddress: localAddressOf(fd), remoteAddress: host }
  } finally {
    addon().close(fd)
  }
}

/** Splits the host and port of a target like Go; undefined without a port. The port may be the name of a service. */
export function hostAndPort(target: string): { host: string; port: number } | undefined {
  const [, bracketed, plain, text = ''] = /^(?:\[([^\]]*)\]|([^:]*)):([\w-]+)$/.exec(target) ?? []
  const host = bracketed ?? plain
  if (host === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : servicePort(text)
  return port === undefined || port > 65_535 ? undefined : { host, port }
}

/** Destroys the socket when the probe is over. */
export async function using<R>(
  socket: Socket | PlainConnection,
  signal: AbortSignal,
  work: () => Promise<R>,
): Promise<R> {
  const onAbort = () => socket.destroy(signal.reason)
  signal.addEventListener('abort', onAbort)
  // Nobody else listens during a handshake, and an error without a listener ends the process.
  if (!(socket instanceof PlainConnection)) socket.on('error', () => {})
  try {
    signal.throwIfAborted()
    return await work()
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}
