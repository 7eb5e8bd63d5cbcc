import type { Server, Socket } from 'node:net'
import { addon } from '../../binding/addon.js'
import { nodeCluster, nodeNet } from '../../builtins.js'
import { errorAt, invalidArgument, NetviaError, systemError } from '../../errors.js'
import {
  boolean,
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  pathOf,
  portOrZero,
  type Schema,
  string,
} from '../../options.js'
import { familyOf } from '../../sockets/address.js'
import { descriptorOf, giveAway } from '../../sockets/hand-over.js'
import { openDescriptor, verifyDevice } from '../../sockets/open.js'
import { refuseReconnect, refuseRelisten } from '../../sockets/refuse-reconnect.js'
import { reportResets } from '../../sockets/report-resets.js'
import {
  numericOptions,
  setCongestionControl,
  type TcpSocketOptions,
  tcpSocketOptions,
} from '../../sockets/socket-options.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import { listenObstacle, multipathProtocol, multipathUnavailable } from '../../system/multipath/support.js'
import { bindAddress } from './bind-address.js'
import { type KeepAlive, keepAliveCheck, setKeepAlive, userTimeoutCheck } from './keep-alive.js'

export interface ListenOptions extends CommonOptions {
  /** Port, 0-65535. 0 picks a free one, see `server.address()`. */
  port: number
  /** Address to listen on, or a name that resolves to one. Default: `::` for IPv6 and IPv4, or `0.0.0.0` without IPv6. */
  host?: string
  /** Length of the queue of connections not yet accepted, listen(2). `net.core.somaxconn` limits it. Default: 511. */
  backlog?: number
  /**
   * `SO_REUSEPORT` (socket(7)): several listeners share the port, and the kernel distributes the connections. Default: false.
   */
  reusePort?: boolean
  /** `IPV6_V6ONLY` (ipv6(7)): an IPv6 address does not accept IPv4. Default: false. */
  ipv6Only?: boolean
  /** `SO_KEEPALIVE` of accepted connections, as in `connect`. Default: false. */
  keepAlive?: boolean | number | KeepAlive
  /**
   * Accepts Multipath TCP (RFC 8684) beside plain TCP: clients may add paths to a connection. `multipathInfo(socket)` returns how
   * one is carried. Default: false.
   */
  multipath?: boolean
  /** `TCP_USER_TIMEOUT` of accepted connections in milliseconds, as in `connect`. Default: 0. */
  userTimeout?: number
  /** Options of the listening socket by name (tcp(7)), most of which accepted connections inherit. Default: none. */
  socketOptions?: TcpSocketOptions
}

const schema: Schema = {
  ...commonSchema,
  port: portOrZero,
  host: string,
  backlog: integer(1, 0x7fff_ffff),
  reusePort: boolean,
  ipv6Only: boolean,
  multipath: boolean,
  keepAlive: keepAliveCheck,
  userTimeout: userTimeoutCheck,
  socketOptions: tcpSocketOptions,
}

/**
 * Listens for TCP connections, like Go's `net.Listen`. With a device, it accepts only connections that arrive on it; others are
 * refused as if nothing were listening. The promise resolves once the server listens.
 *
 * If the device is deleted, the server emits `error` with ENODEV and closes. It could never accept another connection, even if
 * a device of that name came back. It also closes when `signal` fires.
 *
 * @throws NetviaError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`; `ENODEV` if the device doesn't exist; the errors of `resolve`
 * for `host`; `ERR_CLUSTER_WORKER` in a node:cluster worker; `ERR_MULTIPATH_UNAVAILABLE`; `signal.reason` when aborted before it listens.
 */
export async function listen(given: ListenOptions, onConnection?: (socket: Socket) => void): Promise<Server> {
  const options = checkOptions('listen', given, schema, ['port'])
  if (onConnection !== undefined && typeof onConnection !== 'function')
    throw invalidArgument('listen: onConnection', onConnection, 'a function')
  const { device, signal, backlog = 511 } = options
  const fd = await listenDescriptor(options)
  const server = nodeNet().createServer()
  // Runs before all other listeners, to read back the device that accepted sockets inherit.
  server.on('connection', socket => {
    refuseReconnect(reportResets(socket), device)
    if (device !== undefined) verifyAccepted(socket, fd, device)
  })
  if (onConnection) server.on('connection', onConnection)
  try {
    await startListening(server, fd, backlog)
  } catch (error) {
    server.close()
    throw error
  }
  refuseRelisten(server, device)
  const close = () => void server.close()
  const onLoss = (error: unknown) => {
    close()
    server.emit('error', error)
  }
  // A closed server releases the descriptor immediately, although its connections may live on.
  const endLossWatch = onDeviceLoss(fd, device, onLoss, () => server.listening)
  server.on('close', () => {
    endLossWatch()
    signal?.removeEventListener('abort', close)
  })
  signal?.addEventListener('abort', close)
  if (signal?.aborted) close()
  signal?.throwIfAborted()
  return server
}

/** `listen` with checked options, for callers that need no server of Node's: they own the descriptor, which listens. */
export async function listenDescriptor(options: ListenOptions): Promise<number> {
  options.signal?.throwIfAborted()
  if (nodeCluster().isWorker) throw inClusterWorker()
  const obstacle = options.multipath && listenObstacle()
  if (obstacle) throw multipathUnavailable('listen', obstacle, 'listen without multipath')
  const address = await bindAddress('listen', options)
  return address === undefined ? openAnywhere(options) : openListener(options, address)
}

/** Node would interpret our descriptor's number in the primary process, where it means something else. */
function inClusterWorker(): NetviaError {
  const hint = 'with reusePort: true each process, or each thread of worker_threads, can listen separately'
  return new NetviaError(`listen does not work in a worker of node:cluster; ${hint}`, {
    code: 'ERR_CLUSTER_WORKER',
    hint,
  })
}

function openListener(options: ListenOptions, address: string): number {
  const { port, backlog = 511, ipv6Only, reusePort, multipath, device, tos, keepAlive = false, userTimeout } = options
  const family = familyOf(address)
  if (family === 4 && ipv6Only) {
    const error = invalidArgument('listen: ipv6Only', true, `left out with the IPv4 address ${address}`)
    throw errorAt('ipv6Only', error)
  }
  const socketOptions = { ...numericOptions(family, options.socketOptions), SO_REUSEADDR: 1 } as Record<string, number>
  if (reusePort) socketOptions.SO_REUSEPORT = 1
  if (family === 6) socketOptions.IPV6_V6ONLY = ipv6Only ? 1 : 0
  // IPv4 connections of an IPv6 socket need this too: only the traffic class was set.
  if (userTimeout !== undefined) socketOptions.TCP_USER_TIMEOUT = userTimeout
  if (family === 6 && tos !== undefined) socketOptions.IP_TOS = tos
  const fd = openDescriptor(
    family,
    'stream',
    multipath ? multipathProtocol : 0,
    { ...pathOf(options), localAddress: address },
    port,
    socketOptions,
  )
  // Node closes the descriptor on some failures of listen(2) and not on others, so netvia calls it.
  try {
    setCongestionControl(fd, options.socketOptions)
    if (keepAlive !== false)
      setKeepAlive(fd, typeof keepAlive === 'object' ? keepAlive : keepAlive === true ? {} : { idle: keepAlive })
    const errno = addon().listen(fd, backlog)
    if (errno < 0) throw systemError(errno, 'listen', { address, port, device })
    return fd
  } catch (error) {
    addon().close(fd)
    throw error
  }
}

/** Listens on both families where IPv6 exists, as Node does. */
function openAnywhere(options: ListenOptions): number {
  try {
    return openListener(options, '::')
  } catch (error) {
    const noIPv6 = error instanceof NetviaError && ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'].includes(error.code)
    if (!noIPv6 || options.ipv6Only) throw error
    return openListener(options, '0.0.0.0')
  }
}

function startListening(server: Server, fd: number, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    giveAway(fd, () =>
      server.listen({ fd }, backlog, () => {
        server.off('error', reject)
        resolve()
      }),
    )
  })
}

/** If the runtime hides the socket's descriptor (Deno), the listener's shows what it inherited. */
function verifyAccepted(socket: Socket, listener: number, device: string): void {
  const fd = descriptorOf(socket)
  try {
    verifyDevice(fd === -1 ? listener : fd, device)
  } catch (error) {
    socket.destroy(error as Error)
  }
}
