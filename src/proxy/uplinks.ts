import type { Socket } from 'node:net'
import { isIP } from '../builtins.js'
import { NetviaError } from '../errors.js'
import type { GroupAttempts, NamedPath } from '../group/attempts.js'
import { attemptsOf } from '../group/group.js'
import { openOver } from '../group/race.js'
import { type PathOptions, pathOf } from '../options.js'
import { dialPaths } from '../protocols/tcp/multipath/dial.js'
import type { MultipathDevice } from '../protocols/tcp/multipath/options.js'
import { withinTimeLimit } from '../protocols/tcp/time-limit.js'
import { noLongerNeeded } from '../runtime/deadline.js'
import type { Carrier } from './carrier.js'
import type { ProxySettings } from './options.js'
import { Statistics, type Tally } from './statistics.js'
import { Targets } from './targets.js'
import { connectThrough } from './upstream.js'

/** In ms: two retransmissions of a SYN. Then another uplink has its turn, if there is one. */
const patience = 4000
/** In ms, of the last uplink to try. */
const lastPatience = 30_000

/** An uplink while something is opened over it. */
export interface Attempt {
  readonly path: PathOptions
  readonly signal: AbortSignal
  /** In milliseconds. */
  readonly timeout: number
}

/** An opened connection with its byte counts, and with notice of cuts on its uplink. */
export interface Opened<T> {
  readonly value: T
  readonly tally: Tally
  /** Until the returned function is called, `cut` is called when the connections of the uplink are cut. */
  onCut(cut: (error: NetviaError) => void): () => void
}

/** Counts a connection until it ends, and cuts it with its uplink. */
export function track({ tally, onCut }: Opened<unknown>, carrier: Carrier): void {
  tally.add(carrier)
  const release = onCut(error => carrier.cut(error))
  carrier.onEnd(() => {
    release()
    tally.remove(carrier)
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

  /** A connection to a name or address; `client` is whose. Track it. */
  async connect(client: string, host: string, port: number, signal: AbortSignal): Promise<Opened<Socket>> {
    const { servers, multipath, multipathFallback, upstream } = this.#settings
    if (upstream && isIP(host)) this.targets.check(host)
    return this.open(
      `${client} ${host}`,
      signal,
      attempt => {
        const { path, ...rest } = attempt
        const far = {
          host: upstream?.host ?? host,
          port: upstream?.port ?? port,
          servers,
          multipath,
          multipathFallback,
        }
        const options = { ...path, ...rest, ...far, noDelay: true, keepAlive: 60_000 }
        return withinTimeLimit(options, async (signal, progress) => {
          if (upstream) {
            const { socket } = await dialPaths(options, signal, progress)
            await connectThrough(socket, upstream, host, port, signal)
            return socket
          }
          const { socket } = await dialPaths(options, signal, progress, address => this.targets.check(address))
          this.targets.checkConnected(socket)
          return socket
        })
      },
      late => late.destroy(),
    )
  }

  /** Opens a connection over the uplink that the policy picks, or else over the others. `discard` gets late results. */
  async open<T>(
    key: string,
    client: AbortSignal,
    work: (attempt: Attempt) => Promise<T>,
    discard: (late: T) => void,
  ): Promise<Opened<T>> {
    const attempts = this.#attempts
    const tried = new Set<string>()
    const counted = async (uplink: NamedPath, signal: AbortSignal) => {
      const { name } = uplink
      tried.add(name)
      const isLast = attempts.delay(name) !== Number.POSITIVE_INFINITY || attempts.next(tried) === undefined
      try {
        return await work({ path: pathOf(uplink), signal, timeout: isLast ? lastPatience : patience })
      } catch (error) {
        const isRefused = error instanceof NetviaError && error.code === 'ERR_PROXY_TARGET'
        if (!client.aborted && error !== noLongerNeeded && !isRefused) this.statistics.of(name).failures++
        throw error
      }
    }
    const { uplink, value } = await openOver(attempts, attempts.first(key), client, counted, discard)
    const tally = this.statistics.of(uplink.name)
    tally.connections++
    return { value, tally, onCut: cut => attempts.onCut(uplink.name, cut) }
  }
}

/** A path alone has nothing to go on to. */
function onePath(settings: ProxySettings): GroupAttempts {
  const path = pathOf(settings)
  const devices = (settings.multipath as readonly MultipathDevice[] | undefined)?.map(({ device }) => device).join('+')
  const uplink = { name: devices ?? path.device ?? path.localAddress ?? 'default', ...path }
  return {
    ...{ first: () => uplink, next: () => undefined, delay: () => Number.POSITIVE_INFINITY },
    ...{ learned: () => {}, onCut: () => () => {} },
  }
}
