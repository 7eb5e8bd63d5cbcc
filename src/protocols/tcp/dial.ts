import type { Socket } from 'node:net'
import { addon } from '../../binding/addon.js'
import { monotonicNow } from '../../monotonic.js'
import {
  boolean,
  type CommonOptions,
  commonSchema,
  milliseconds,
  oneOf,
  pathOf,
  port,
  type Schema,
  string,
} from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { familyOf } from '../../sockets/address.js'
import { handOver } from '../../sockets/hand-over.js'
import { setOption } from '../../sockets/options.js'
import {
  numericOptions,
  setCongestionControl,
  type TcpSocketOptions,
  tcpSocketOptions,
} from '../../sockets/socket-options.js'
import { connectDescriptor, handshake, type StartConnecting } from '../connect-descriptor.js'
import { openConnecting } from '../connecting.js'
import { literalAddress, lookUpHost } from '../dns/addresses.js'
import { queryContext, unanswered } from '../dns/query-context.js'
import { dnsServers } from '../dns/server-address.js'
import { raceFailure } from './connect-errors.js'
import { type KeepAlive, keepAliveCheck, setKeepAlive, userTimeoutCheck } from './keep-alive.js'
import { offersTo } from './offers.js'
import { type Attempt, Race } from './race.js'
import { type Progress, withinTimeLimit } from './time-limit.js'

export interface ConnectOptions extends CommonOptions {
  /** Name or address. A link-local address may include its zone: `fe80::1%wan2`. */
  host: string
  /** 1-65535. */
  port: number
  /** Limits the connection to addresses of this family. Default: both, raced (RFC 8305). */
  family?: 4 | 6
  /**
   * Milliseconds for name resolution and connection together. Default: no limit; the kernel gives up after about two minutes.
   */
  timeout?: number
  /** `TCP_NODELAY` (tcp(7)). Default: false. */
  noDelay?: boolean
  /** `SO_KEEPALIVE` (socket(7)); a number is the idle time before the first probe, in milliseconds, 1000 to 32,767,000. Default: false. */
  keepAlive?: boolean | number | KeepAlive
  /**
   * `TCP_USER_TIMEOUT` (tcp(7), RFC 5482): milliseconds that sent data may stay unacknowledged before the connection ends with
   * ETIMEDOUT. 0 is the kernel's own limit, about 15 minutes. Default: 0.
   */
  userTimeout?: number
  /** Milliseconds an attempt runs before the next address is tried in parallel (RFC 8305 section 5). Default: 250. */
  attemptDelay?: number
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /** Options of the socket by name (tcp(7)), set before the first packet, `TCP_CONGESTION` once connected. Default: none. */
  socketOptions?: TcpSocketOptions
}

/** Options of `connect`, with any kind of signal. */
export type DialOptions = Omit<ConnectOptions, 'signal'> & { signal?: Signal }

export const connectSchema = {
  ...commonSchema,
  host: string,
  port,
  family: oneOf(4, 6),
  timeout: milliseconds,
  noDelay: boolean,
  keepAlive: keepAliveCheck,
  userTimeout: userTimeoutCheck,
  attemptDelay: milliseconds,
  servers: dnsServers,
  socketOptions: tcpSocketOptions,
} satisfies Schema

/** The timings of a connection, in milliseconds. */
export interface Timings {
  /** Time until the first usable address was known; 0 if the host is an address. */
  readonly dnsMs: number
  /** Time from then, or from the start, until the connection was established. */
  readonly connectMs: number
}

/** A connection that is a socket of Node's. */
export interface Dialed extends Timings {
  readonly socket: Socket
}

/** A connected descriptor, which the caller owns, and the other end's address. */
export interface Connected {
  readonly fd: number
  readonly address: string
  /** Only set if the connection was established within the call. */
  readonly localAddress?: string
}

/**
 * `connect` with checked options. `signal` enforces the time limit; `timeout` only informs name resolution of it.
 * `refuse` can throw for an address, which then receives no packet.
 */
export async function dial(
  options: DialOptions,
  signal: Signal,
  progress: Progress,
  refuse?: (address: string) => void,
): Promise<Dialed> {
  return toSocket(await dialDescriptor(options, signal, progress, refuse), options)
}

/** `dial` within the `timeout` and the `signal` of the options. */
export async function dialInTime(options: DialOptions): Promise<Dialed> {
  return toSocket(await dialDescriptorInTime(options), options)
}

/** Passes the descriptor to a socket of Node's, with the socket options of `connect`. */
export function toSocket({ fd, dnsMs, connectMs }: Connected & Timings, options: DialOptions): Dialed {
  const { keepAlive = false, userTimeout, socketOptions } = options
  try {
    setCongestionControl(fd, socketOptions)
    if (typeof keepAlive === 'object') setKeepAlive(fd, keepAlive)
    if (userTimeout !== undefined) setOption(fd, 'TCP_USER_TIMEOUT', userTimeout)
  } catch (error) {
    addon().close(fd)
    throw error
  }
  const socket = handOver(fd, options.device)
  if (options.noDelay) socket.setNoDelay(true)
  if (typeof keepAlive === 'number' || keepAlive === true) socket.setKeepAlive(true, keepAlive === true ? 0 : keepAlive)
  return { socket, dnsMs, connectMs }
}

/**
 * `dialInTime` for callers that need no socket of Node's. They verify the descriptor's binding again, and close it. An address
 * that answers within the call, like those nearby, costs neither timer nor signal.
 */
export function dialDescriptorInTime(
  options: DialOptions,
  refuse?: (address: string) => void,
): (Connected & Timings) | Promise<Connected & Timings> {
  const { port, signal } = options
  const [literal] = literalAddress(options.host, familiesOf(options)) ?? []
  if (!literal) return withinTimeLimit(options, (limit, progress) => dialDescriptor(options, limit, progress, refuse))
  signal?.throwIfAborted()
  const { address } = literal
  refuse?.(address)
  const start = monotonicNow()
  const socketOptions = numericOptions(familyOf(address), options.socketOptions)
  const { fd, connected, localAddress } = openConnecting(address, port, options, socketOptions)
  if (!connected) return later(fd, address, start, options)
  return { fd, address, localAddress, dnsMs: 0, connectMs: monotonicNow() - start }
}

async function later(fd: number, address: string, start: number, options: DialOptions): Promise<Connected & Timings> {
  const { port, device, signal } = options
  await withinTimeLimit(options, (limit, progress) => {
    Object.assign(progress, { address, phase: 'connection' })
    progress.waitsFor.add(address)
    return handshake(fd, address, port, device, limit)
  })
  if (signal?.aborted) addon().close(fd)
  signal?.throwIfAborted()
  return { fd, address, dnsMs: 0, connectMs: monotonicNow() - start }
}

function familiesOf({ family }: DialOptions): readonly (4 | 6)[] {
  return family === undefined ? [6, 4] : [family]
}

/** `dial` for callers that need no socket of Node's. They verify the descriptor's binding again, and close it. */
export async function dialDescriptor(
  options: DialOptions,
  signal: Signal,
  progress: Progress,
  refuse?: (address: string) => void,
  start?: StartConnecting,
): Promise<Connected & Timings> {
  const path = pathOf(options)
  const families = familiesOf(options)
  const begun = monotonicNow()
  let resolved: number | undefined
  let trying = 0
  const [literal] = literalAddress(options.host, families) ?? []
  const attempt = async (address: string, signal: Signal) => {
    resolved ??= literal ? begun : monotonicNow()
    refuse?.(address)
    progress.address = address
    progress.phase = 'connection'
    progress.waitsFor.add(address)
    trying++
    try {
      const socketOptions = numericOptions(familyOf(address), options.socketOptions)
      return { fd: await connectDescriptor(address, options.port, path, signal, socketOptions, start), address }
    } catch (error) {
      if (!signal.aborted) progress.waitsFor.delete(address)
      // What is left to wait for, if anything, are more addresses.
      if (--trying === 0) progress.phase = 'name resolution'
      throw error
    }
  }
  const connected = literal
    ? await attempt(literal.address, signal)
    : await raceAddresses(options, families, attempt, signal, progress)
  if (signal.aborted) close(connected)
  signal.throwIfAborted()
  const { fd, address } = connected
  progress.waitsFor.clear()
  progress.waitsFor.add(address)
  return { fd, address, dnsMs: resolved! - begun, connectMs: monotonicNow() - resolved! }
}

/** Races the addresses of a name as they become known. */
async function raceAddresses(
  options: DialOptions,
  families: readonly (4 | 6)[],
  attempt: Attempt<Connected>,
  signal: Signal,
  progress: Progress,
): Promise<Connected> {
  const race = new Race(families, attempt, close, options.attemptDelay ?? 250, signal)
  const context = queryContext(options, race.signal)
  progress.unanswered = code => unanswered(context, code)
  lookUpHost(options.host, families, context, offersTo(race, families, context.path)).then(
    () => race.finish(),
    error => race.finish(error),
  )
  try {
    return await race.result
  } catch (error) {
    throw error instanceof AggregateError && !signal.aborted ? raceFailure(error.errors) : error
  }
}

export function close({ fd }: Connected): void {
  addon().close(fd)
}
