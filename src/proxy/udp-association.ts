import type { RemoteInfo, Socket } from 'node:dgram'
import type { Socket as Control } from 'node:net'
import { isIP } from '../builtins.js'
import type { PathOptions } from '../options.js'
import { resolve } from '../protocols/dns/resolve.js'
import { openUdp } from '../protocols/udp/open-udp.js'
import { toAbortSignal } from '../runtime/cancel.js'
import { familyOf } from '../sockets/address.js'
import { unmapped } from '../sockets/ip.js'
import { resetSocket } from '../sockets/reset.js'
import type { Client } from './client.js'
import type { ProxyContext } from './proxy-context.js'
import { encodeDatagram, encodeReply, parseDatagram, reply, SocksError, type SocksRequest } from './socks-messages.js'
import type { Attempt, Opened } from './uplinks.js'

type Family = 4 | 6

/** In ms: as long as a NAT keeps what is idle (RFC 4787 section 4.3 asks for 2 minutes at least). */
const longestIdle = 300_000
/** Bytes that wait in a socket. Further datagrams are lost, as in any full queue. */
const maxQueued = 1 << 20
/** Names and addresses that one client may use at a time; the oldest are forgotten. */
const maxKnown = 1024
/** Names that are asked for at a time: each takes descriptors of the whole proxy. Datagrams to further ones are lost. */
const maxLookups = 16
/** Datagrams that wait for the address of one name. Further ones are lost. */
const maxWaiting = 8

/**
 * UDP ASSOCIATE of RFC 1928 section 7: moves datagrams of one client until its connection closes. They are taken from the client's
 * address and one port alone, and from targets that it has sent to.
 */
export async function associate(client: Client, context: ProxyContext, { host, port }: SocksRequest): Promise<void> {
  const { uplinks, idleTimeout, servers } = context
  const { address } = client
  // Behind a NAT, the client knows neither as they are here. Some clients name the target.
  const ownPort = unmapped(host) === address ? port : 0
  const signal = toAbortSignal(client.signal)
  const near = await openUdp({ host: unmapped(client.near.localAddress!), signal })
  try {
    const openFar = async ({ path }: Attempt): Promise<Far> => {
      const family = path.localAddress === undefined ? 4 : familyOf(path.localAddress)
      return { path, family, socket: await openUdp({ ...path, family, signal }) }
    }
    const opened = await uplinks.open(`${address} udp`, signal, openFar, late => late.socket.close())
    const association = new Association(client, signal, near, ownPort, opened, context.uplinks.targets, servers)
    client.near.write(encodeReply(reply.succeeded, near.address().address, near.address().port))
    association.start(client.toSocket(), Math.min(idleTimeout, longestIdle))
  } catch (error) {
    near.close()
    throw error
  }
}

interface Far {
  readonly path: PathOptions
  readonly family: Family
  readonly socket: Socket
}

class Association {
  bytesRead = 0
  bytesWritten = 0
  readonly #client: Client
  readonly #signal: AbortSignal
  readonly #near: Socket
  /** 0 until the client has sent something. */
  #port: number
  readonly #opened: Opened<Far>
  readonly #targets: ProxyContext['uplinks']['targets']
  readonly #servers: readonly string[] | undefined
  readonly #far = new Map<Family, Promise<Socket>>()
  readonly #names = new Map<string, Promise<string>>()
  #lookups = 0
  /** Datagrams that wait, by their name. */
  readonly #waiting = new Map<string, number>()
  /** Whether it is a target, of each address that the client has named. */
  readonly #known = new Map<string, boolean>()
  #idle: NodeJS.Timeout | undefined

  constructor(
    client: Client,
    signal: AbortSignal,
    near: Socket,
    port: number,
    opened: Opened<Far>,
    targets: ProxyContext['uplinks']['targets'],
    servers: readonly string[] | undefined,
  ) {
    this.#client = client
    this.#signal = signal
    this.#near = near
    this.#port = port
    this.#opened = opened
    this.#targets = targets
    this.#servers = servers
  }

  start(control: Control, idle: number): void {
    const { value, tally, onCut } = this.#opened
    const release = onCut(() => resetSocket(control))
    const end = () => control.destroy()
    const place = tally.add(this)
    this.#near.on('message', (bytes, from) => void this.#fromClient(bytes, from).catch(() => {}))
    this.#near.on('error', end)
    this.#far.set(value.family, Promise.resolve(this.#listen(value.socket)))
    this.#idle = setTimeout(end, idle)
    // Nothing more is said there; its end is that of the association.
    control.on('end', end).resume()
    this.#signal.addEventListener('abort', () => {
      clearTimeout(this.#idle)
      release()
      tally.remove(place)
    })
  }

  #listen(socket: Socket): Socket {
    const end = () => this.#client.connection.destroy()
    return socket.on('error', end).on('message', (data, from) => this.#fromTarget(data, from))
  }

  async #fromClient(bytes: Buffer, { address, port }: RemoteInfo): Promise<void> {
    if (address !== this.#client.address || (this.#port !== 0 && port !== this.#port)) return
    this.#port = port
    const datagram = parseDatagram(bytes)
    if (!datagram || datagram.port === 0) return
    const target = isIP(datagram.host) ? unmapped(datagram.host) : await this.#waitFor(datagram.host)
    if (target === undefined) return
    if (!this.#mayReach(target)) return
    const socket = await this.#socketOf(familyOf(target))
    if (this.#signal.aborted || socket.getSendQueueSize() > maxQueued) return
    this.#idle?.refresh()
    socket.send(datagram.data, datagram.port, target, error => {
      if (!error) this.bytesWritten += datagram.data.length
    })
  }

  #fromTarget(data: Buffer, { address, port }: RemoteInfo): void {
    if (!this.#known.get(address) || this.#signal.aborted || this.#near.getSendQueueSize() > maxQueued) return
    this.#idle?.refresh()
    this.bytesRead += data.length
    this.#near.send(encodeDatagram(address, port, data), this.#port, this.#client.address, () => {})
  }

  /** The address of a name; undefined if too many datagrams wait for it. */
  async #waitFor(name: string): Promise<string | undefined> {
    const waiting = this.#waiting.get(name) ?? 0
    if (waiting === maxWaiting) return undefined
    this.#waiting.set(name, waiting + 1)
    try {
      return await this.#addressOf(name)
    } finally {
      const left = this.#waiting.get(name)! - 1
      if (left > 0) this.#waiting.set(name, left)
      else this.#waiting.delete(name)
    }
  }

  /** Over the path of the association. */
  #addressOf(name: string): Promise<string> {
    const { path } = this.#opened.value
    const family = path.localAddress === undefined ? undefined : familyOf(path.localAddress)
    return remembered(this.#names, name, async () => {
      if (this.#lookups >= maxLookups) throw new SocksError('too many names at a time')
      const options = { ...path, family, servers: this.#servers, signal: this.#signal }
      this.#lookups++
      try {
        const [first] = await resolve(name, options)
        return unmapped(first!.address)
      } finally {
        this.#lookups--
      }
    })
  }

  #mayReach(address: string): boolean {
    return remembered(this.#known, address, () => {
      try {
        this.#targets.check(address)
        return true
      } catch {
        return false
      }
    })
  }

  #socketOf(family: Family): Promise<Socket> {
    const { path } = this.#opened.value
    return remembered(this.#far, family, () =>
      openUdp({ ...path, family, signal: this.#signal }).then(socket => this.#listen(socket)),
    )
  }
}

function remembered<Key, Value>(known: Map<Key, Value>, key: Key, find: () => Value): Value {
  let value = known.get(key)
  if (value === undefined) {
    value = find()
    if (known.size >= maxKnown) known.delete(known.keys().next().value!)
    known.set(key, value)
    // A failed attempt may succeed later.
    if (value instanceof Promise) value.catch(() => known.delete(key))
  }
  return value
}
