import type { AddressInfo } from 'node:net'
import { addon } from '../binding/addon.js'
import { Acceptor } from '../protocols/tcp/acceptor.js'
import { listenDescriptor } from '../protocols/tcp/listen.js'
import { Bag } from '../runtime/bag.js'
import { unmapped } from '../sockets/ip.js'
import { trySetOption } from '../sockets/options.js'
import { Client } from './client.js'
import { HttpService } from './http.js'
import { ClientLimits } from './limits.js'
import { NearDescriptor } from './near-descriptor.js'
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
  const fd = await listenDescriptor({ host, port, signal, multipath, keepAlive: 60_000 })
  clients.haveNoDelay = trySetOption(fd, 'TCP_NODELAY', 1) === 0
  const acceptor = new Acceptor(fd, (client, address) => clients.take(client, address))
  const { address, family, port: boundPort } = acceptor.address
  const close = () => {
    acceptor.close()
    signal?.removeEventListener('abort', close)
    return clients.destroy()
  }
  signal?.addEventListener('abort', close)
  if (signal?.aborted) await close()
  signal?.throwIfAborted()
  return {
    address: () => ({ address, family: `IPv${family}`, port: boundPort }),
    get statistics() {
      return clients.statistics
    },
    configure: access => clients.configure(access),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The connected clients, and what serves each of them. */
class Clients {
  readonly #settings: ProxySettings
  readonly #context: ProxyContext
  readonly #http: HttpService
  readonly #limits: ClientLimits
  readonly #open = new Bag<Client>()
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

  take(fd: number, from: string): void {
    const address = unmapped(from)
    const counted = this.#settings.allow.has(address) ? this.#limits.enter(address) : undefined
    if (counted === undefined) {
      this.#context.statistics.refused++
      addon().reset(fd)
      return
    }
    if (!this.haveNoDelay) trySetOption(fd, 'TCP_NODELAY', 1)
    const client = new Client(new NearDescriptor(fd), address, this.#settings.handshakeTimeout, () => {
      if (this.#open.delete(place)) this.#limits.leave(counted)
    })
    const place = this.#open.add(client)
    void this.#serve(client)
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#open.places().map(({ value: client }) => client?.cut()))
  }

  async #serve(client: Client): Promise<void> {
    const { near } = client
    let chunk: Buffer
    try {
      const next = near.next()
      chunk = next instanceof Promise ? await next : next
    } catch {
      return near.destroy()
    }
    near.unshift(chunk)
    const first = chunk[0]!
    if (first === version) void serveSocks(client, this.#context)
    else if (first >= 0x41 && first <= 0x5a) this.#http.serve(client)
    else near.destroy()
  }
}
