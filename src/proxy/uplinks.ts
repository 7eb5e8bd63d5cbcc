import type { Socket } from 'node:net'
import { NetviaError } from '../errors.js'
import type { GroupAttempts } from '../group/attempts.js'
import { attemptsOf } from '../group/group.js'
import { type PathOptions, pathOf } from '../options.js'
import { dial } from '../protocols/tcp/dial.js'
import { withinTimeLimit } from '../protocols/tcp/time-limit.js'
import type { ProxySettings } from './options.js'
import { Statistics, type Tally } from './statistics.js'
import { Targets } from './targets.js'

/** In ms: two retransmissions of a SYN. Then another uplink has its turn, if there is one. */
const patience = 4000
/** In ms, of the last uplink to try. */
const lastPatience = 30_000

/** The target's own answer, or the client's fault: the same over any uplink. */
const final = new Set(['ECONNREFUSED', 'ENOTFOUND', 'ENODATA', 'ERR_PROXY_TARGET', 'ERR_INVALID_ARG_VALUE'])

/** An uplink while something is opened over it. */
export interface Attempt {
  readonly path: PathOptions
  readonly signal: AbortSignal
  /** In milliseconds. */
  readonly timeout: number
}

/** What was opened, and how it is looked after. */
export interface Opened<T> {
  readonly value: T
  readonly tally: Tally
  /** Until the returned function is called, `cut` is called when the connections of the uplink are cut. */
  onCut(cut: (error: NetviaError) => void): () => void
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
    this.#attempts = settings.group ? attemptsOf(settings.group) : onePath(pathOf(settings))
  }

  /** A connection to a name or address; `client` is whose. The socket closes when its uplink is cut. */
  async connect(client: string, host: string, port: number, signal: AbortSignal): Promise<Socket> {
    const { servers } = this.#settings
    const {
      value: socket,
      tally,
      onCut,
    } = await this.open(`${client} ${host}`, signal, attempt => {
      const { path, ...rest } = attempt
      const options = { ...path, ...rest, host, port, servers, noDelay: true, keepAlive: 60_000 }
      return withinTimeLimit(options, async (signal, progress) => {
        const { socket } = await dial(options, signal, progress, address => this.targets.check(address))
        this.targets.checkConnected(socket)
        return socket
      })
    })
    tally.add(socket)
    const release = onCut(error => socket.destroy(error))
    socket.once('close', () => {
      release()
      tally.remove(socket)
    })
    return socket
  }

  /** Over the uplink of the policy's choice; what that can't open is tried by the others. */
  async open<T>(key: string, signal: AbortSignal, work: (attempt: Attempt) => Promise<T>): Promise<Opened<T>> {
    const tried = new Set<string>()
    const failed: string[] = []
    let uplink = this.#attempts.first(key)
    for (;;) {
      const { name } = uplink
      tried.add(name)
      const tally = this.statistics.of(name)
      const isLast = this.#attempts.next(tried) === undefined
      try {
        const value = await this.#attempt(name, signal, signal =>
          work({ path: pathOf(uplink), signal, timeout: isLast ? lastPatience : patience }),
        )
        tally.connections++
        this.#attempts.learned(name, true)
        // A target that no uplink reaches says nothing of an uplink.
        for (const other of failed) this.#attempts.learned(other, false)
        return { value, tally, onCut: cut => this.#attempts.onCut(name, cut) }
      } catch (error) {
        signal.throwIfAborted()
        const code = error instanceof NetviaError ? error.code : ''
        if (code !== 'ERR_PROXY_TARGET') tally.failures++
        failed.push(name)
        const next = final.has(code) ? undefined : this.#attempts.next(tried)
        if (!next) throw error
        uplink = next
      }
    }
  }

  /** Ends with the client and with the uplink. */
  async #attempt<T>(name: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    const onAbort = () => controller.abort(signal.reason)
    signal.throwIfAborted()
    signal.addEventListener('abort', onAbort)
    const release = this.#attempts.onCut(name, error => controller.abort(error))
    try {
      return await work(controller.signal)
    } finally {
      release()
      signal.removeEventListener('abort', onAbort)
    }
  }
}

/** A path alone has nothing to go on to. */
function onePath(path: PathOptions): GroupAttempts {
  const uplink = { name: path.device ?? path.localAddress ?? 'default', ...path }
  return { first: () => uplink, next: () => undefined, learned: () => {}, onCut: () => () => {} }
}
