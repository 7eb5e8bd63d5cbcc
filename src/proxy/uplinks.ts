import { isIP } from '../builtins.js'
import type { NetviaError } from '../errors.js'
import type { GroupAttempts } from '../group/attempts.js'
import { attemptsOf } from '../group/group.js'
import { isFinal, isOfThisMachine, openOver } from '../group/race.js'
import { type PathOptions, pathOf } from '../options.js'
import { type Connected, dialDescriptorInTime } from '../protocols/tcp/dial.js'
import { dialPaths } from '../protocols/tcp/multipath/dial.js'
import type { MultipathDevice } from '../protocols/tcp/multipath/options.js'
import { withinTimeLimit } from '../protocols/tcp/time-limit.js'
import type { Signal } from '../runtime/cancel.js'
import { noLongerNeeded } from '../runtime/deadline.js'
import type { TcpSocketOptions } from '../sockets/socket-options.js'
import { onLinkLoss } from '../system/device-loss.js'
import type { Carrier } from './carrier.js'
import { Descriptor, type End } from './descriptor.js'
import type { ProxySettings } from './options.js'
import { Statistics, type Tally } from './statistics.js'
import { Targets } from './targets.js'
import { connectThrough, failBecauseOf } from './upstream.js'

/** In ms: two retransmissions of a SYN. Then another uplink has its turn, if there is one. */
const patience = 4000
/** In ms, of the last uplink to try. */
const lastPatience = 30_000

/** In ms. */
const keepAliveMs = 60_000
const socketOptions = { TCP_NODELAY: 1, SO_KEEPALIVE: 1, TCP_KEEPIDLE: keepAliveMs / 1000 } as TcpSocketOptions

/** An uplink while something is opened over it. */
export interface Attempt {
  readonly path: PathOptions
  readonly signal: Signal
  /** In milliseconds. */
  readonly timeout: number
}

/** An opened connection with its byte counts, and with notice of cuts on its uplink. */
export interface Opened<T> {
  readonly value: T
  readonly tally: Tally
  /** Until the returned function is called, `cut` is called when the connections of the uplink are cut, or its device is lost. */
  onCut(cut: (error: NetviaError) => void): () => void
}

/** Counts a connection until it ends, and cuts it with its uplink. */
export function track({ tally, onCut }: Opened<unknown>, carrier: Carrier): void {
  const place = tally.add(carrier)
  const release = onCut(error => carrier.cut(error))
  carrier.onEnd(() => {
    release()
    tally.remove(place)
  })
}

/** Opens what clients ask for over the uplinks, and counts it. */
export class Uplinks {
  readonly statistics = new Statistics()
  targets: Targets
  readonly #settings: ProxySettings
  readonly #attempts: GroupAttempts

  constructor(settings: ProxySettings) {
    this.#settings = settings
    this.targets = new Targets(settings.allowTargets)
    this.#attempts = settings.group ? attemptsOf(settings.group) : onePath(settings)
  }

  /** Datagrams go through one device, and through no other proxy. */
  get carryDatagrams(): boolean {
    return this.#settings.multipath === undefined && this.#settings.upstream === undefined
  }

  /** Whether something follows the connections as sockets of Node's, as long as these are open. */
  get followSockets(): boolean {
    return this.#settings.multipath !== undefined
  }

  /** A connection to a name or address; `client` is whose. Track it. */
  connect(client: string, host: string, port: number, signal: Signal): Promise<Opened<End>> {
    const { multipath, upstream } = this.#settings
    if (upstream && isIP(host)) this.targets.check(host)
    const dial = (attempt: Attempt) =>
      multipath === undefined && !upstream
        ? this.#dialDescriptor(attempt, host, port)
        : this.#dialSocket(attempt, host, port)
    return this.open(`${client} ${host}`, signal, dial, late => late.destroy())
  }

  #dialDescriptor({ path, signal, timeout }: Attempt, host: string, port: number): End | Promise<End> {
    const { servers } = this.#settings
    const { device, localAddress, mark, tos } = path
    // A spread would make hidden classes for each tunnel.
    const options = { device, localAddress, mark, tos, servers, timeout, host, port, socketOptions, signal }
    const dialed = dialDescriptorInTime(options, this.#check)
    return dialed instanceof Promise
      ? dialed.then(far => this.#connected(far, device))
      : this.#connected(dialed, device)
  }

  #connected({ fd }: Connected, device: string | undefined): Descriptor {
    const far = new Descriptor(fd, device)
    this.targets.checkConnected(far)
    return far
  }

  #dialSocket({ path, signal, timeout }: Attempt, host: string, port: number): Promise<End> {
    const { servers, multipath, multipathFallback, upstream } = this.#settings
    const first = { host: upstream?.host ?? host, port: upstream?.port ?? port }
    const options = { ...path, servers, timeout, ...first, multipath, multipathFallback, noDelay: true }
    return withinTimeLimit({ ...options, signal }, async (limit, progress) => {
      const check = upstream ? undefined : this.#check
      const dialed = dialPaths({ ...options, keepAlive: keepAliveMs }, limit, progress, check)
      const { socket } = await (upstream ? dialed.catch(error => failBecauseOf(error, upstream)) : dialed)
      if (upstream) await connectThrough(socket, upstream, host, port, limit)
      else this.targets.checkConnected(socket)
      return socket
    })
  }

  readonly #check = (address: string) => this.targets.check(address)

  /** Opens a connection over the uplink that the policy picks, or else over the others. `discard` gets late results. */
  async open<T>(
    key: string,
    client: Signal,
    work: (attempt: Attempt) => T | Promise<T>,
    discard: (late: T) => void,
  ): Promise<Opened<T>> {
    const attempts = this.#attempts
    const { uplink, value } = await openOver(attempts, attempts.first(key), client, {
      open(uplink, signal, tried) {
        const isLast = attempts.delay(uplink.name) !== Number.POSITIVE_INFINITY || attempts.next(tried) === undefined
        return work({ path: pathOf(uplink), signal, timeout: isLast ? lastPatience : patience })
      },
      failed: ({ name }, error) => {
        if (client.aborted || error === noLongerNeeded || isFinal(error) || isOfThisMachine(error)) return
        this.statistics.of(name).failures++
      },
      discard,
    })
    const tally = this.statistics.of(uplink.name)
    tally.connections++
    const index = value instanceof Descriptor ? value.deviceIndex : undefined
    // Over several paths, a connection survives the loss of one address.
    const { localAddress } = this.#settings.multipath ? {} : (value as { localAddress?: string })
    const onCut: Opened<T>['onCut'] = cut => {
      const endCuts = attempts.onCut(uplink.name, cut)
      const endLoss = onLinkLoss(uplink.device, cut, index, localAddress)
      return () => {
        endCuts()
        endLoss()
      }
    }
    return { value, tally, onCut }
  }
}

/** A path alone has nothing to go on to. */
function onePath(settings: ProxySettings): GroupAttempts {
  const path = pathOf(settings)
  const devices = (settings.multipath as readonly MultipathDevice[] | undefined)?.map(({ device }) => device).join('+')
  const uplink = { name: devices ?? path.device ?? path.localAddress ?? 'default', ...path }
  return {
    ...{ first: () => uplink, next: () => undefined, goesOn: () => false, delay: () => Number.POSITIVE_INFINITY },
    ...{ learned: () => {}, onCut: () => () => {} },
  }
}
