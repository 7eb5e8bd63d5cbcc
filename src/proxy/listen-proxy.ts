import type { AddressInfo, Server, Socket } from 'node:net'
import type { Tunnel } from '../binding/relay.js'
import { listen } from '../protocols/tcp/listen.js'
import { descriptorOf } from '../sockets/hand-over.js'
import { trySetOption } from '../sockets/options.js'
import { resetSocket } from '../sockets/reset.js'
import { type Carrier, SocketCarrier } from './carrier.js'
import { Client } from './client.js'
import { HttpService } from './http.js'
import { ClientLimits } from './limits.js'
import { type ProxyAccess, type ProxyOptions, type ProxySettings, proxyAccess, proxySettings } from './options.js'
import type { ProxyContext } from './proxy-context.js'
import { serveSocks } from './socks.js'
import { version } from './socks-messages.js'
import type { ProxyStatistics } from './statistics.js'
import { Targets } from './targets.js'
import { Uplinks } from './uplinks.js'

/** A proxy that listens. */
export interface ListeningProxy {
  /** Where it listens, as `server.address()` of node:net. */
  address(): AddressInfo
  /** Counted since it started. */
  readonly statistics: ProxyStatistics
  /**
   * Replaces clients, users and targets. Options that you leave out stay. Open connections continue.
   *
   * @throws NetviaError `ERR_INVALID_ARG_VALUE`.
   */
  configure(access: ProxyAccess): void
  /** Stops listening and resets all connections. */
  close(): Promise<void>
  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Listens for clients that speak SOCKS5 (RFC 1928: CONNECT and UDP ASSOCIATE; RFC 1929) or HTTP (CONNECT, and requests with
 * absolute URLs) on one port. Their traffic uses a path or the uplinks of a group, name resolution included. If one uplink
 * can't make a connection, the next one tries. With `cutConnections` of the group, the proxy closes connections of an
 * uplink that goes down.
 *
 * Only clients on this machine may use it, unless `allow` or `users` permit others. It refuses targets on this machine, its
 * links and in private networks, unless `allowTargets` has them. When the `signal` fires the proxy closes.
 *
 * @throws NetviaError `ERR_OPEN_PROXY` for an address other than loopback without `allow` and `users`; the errors of
 * `listen`.
 */
export async function listenProxy(options: ProxyOptions = {}): Promise<ListeningProxy> {
  const settings = proxySettings(options)
  const clients = new Clients(settings)
  const { host, port, signal, acceptMultipath: multipath } = settings
  const server = await listen({ host, port, signal, multipath, keepAlive: 60_000 }, socket => clients.take(socket))
  clients.haveNoDelay = trySetOption(descriptorOf(server), 'TCP_NODELAY', 1) === 0
  // Accepting can fail for lack of descriptors. Open connections continue, and later ones may succeed.
  server.on('error', () => {})
  const close = () => closed(server, clients)
  signal?.addEventListener('abort', close)
  server.on('close', () => signal?.removeEventListener('abort', close))
  return {
    address: () => server.address() as AddressInfo,
    get statistics() {
      return clients.statistics
    },
    configure: access => clients.configure(access),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function closed(server: Server, clients: Clients): Promise<void> {
  const gone = new Promise(resolve => server.close(resolve))
  await clients.destroy()
  await gone
}

/** The connected clients, and what serves each of them. */
class Clients {
  readonly #settings: ProxySettings
  readonly #context: ProxyContext
  readonly #http: HttpService
  readonly #limits: ClientLimits
  readonly #open = new Set<Carrier>()
  /** Accepted sockets have inherited TCP_NODELAY. */
  haveNoDelay = false

  constructor(settings: ProxySettings) {
    const { users, idleTimeout, servers } = settings
    const uplinks = new Uplinks(settings)
    this.#settings = settings
    this.#context = { uplinks, users, idleTimeout, servers, statistics: uplinks.statistics }
    this.#http = new HttpService(this.#context, settings.handshakeTimeout)
    this.#limits = new ClientLimits(settings.maxConnections, settings.maxConnectionsPerClient)
  }

  get statistics(): ProxyStatistics {
    return this.#context.statistics.report(this.#open.size)
  }

  configure(given: ProxyAccess): void {
    const access = proxyAccess(given, this.#settings)
    Object.assign(this.#settings, access)
    this.#context.users = access.users
    this.#context.uplinks.targets = new Targets(access.allowTargets)
  }

  take(socket: Socket): void {
    const address = socket.remoteAddress
    const release = address !== undefined && this.#settings.allow.has(address) && this.#limits.enter(address)
    if (!release) {
      this.#context.statistics.refused++
      resetSocket(socket.on('error', () => {}))
      return
    }
    if (!this.haveNoDelay) socket.setNoDelay(true)
    const first = new SocketCarrier(socket)
    this.#hold(first, release)
    const passTo = (tunnel: Tunnel) => {
      this.#open.delete(first)
      this.#hold(tunnel, release)
    }
    void this.#serve(new Client(socket, this.#settings.handshakeTimeout, passTo))
  }

  async destroy(): Promise<void> {
    const ends = [...this.#open].map(carrier => {
      carrier.cut()
      return new Promise<void>(resolve => carrier.onEnd(resolve))
    })
    await Promise.all(ends)
  }

  #hold(carrier: Carrier, release: () => void): void {
    this.#open.add(carrier)
    carrier.onEnd(() => {
      if (this.#open.delete(carrier)) release()
    })
  }

  async #serve(client: Client): Promise<void> {
    const first = await client.peek().catch(() => -1)
    if (first === version) await serveSocks(client, this.#context)
    else if (first >= 0x41 && first <= 0x5a) this.#http.serve(client)
    else client.socket.destroy()
  }
}
