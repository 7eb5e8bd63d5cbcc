import type { Dispatcher, RequestInfo, RequestInit as UndiciInit } from 'undici'
import type { NetviaError } from '../errors.js'
import type { Uplink } from '../monitor/settings.js'
import { pathOf } from '../options.js'
import { FetchPath } from '../protocols/http/fetch.js'
import { requireDispatchers, undici } from '../protocols/http/undici-module.js'
import type { FetchInput } from './fetch-types.js'
import type { PoolSource } from './group-agent.js'

/** undici's connections, one pool per uplink. */
export class GroupPools {
  readonly #source: PoolSource
  readonly #pools = new Map<string, FetchPath>()

  constructor(source: PoolSource) {
    this.#source = source
  }

  /** The types are those of Node's own fetch, which comes from undici too. */
  async fetch(uplink: Uplink, input: FetchInput, init: RequestInit): Promise<Response> {
    const response = await this.#pool(uplink).run(dispatcher =>
      undici().fetch(input as RequestInfo, { ...(init as UndiciInit), dispatcher }),
    )
    return response as Response
  }

  /** Passes each request to the pool of the uplink picked for its host. */
  dispatcher(): Dispatcher {
    requireDispatchers('UplinkGroup.dispatcher')
    const pools = this
    class GroupDispatcher extends undici().Dispatcher {
      override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
        const { hostname } = new URL(options.origin ?? '')
        return pools.#pool(pools.#source.pick(hostname)).dispatcher.dispatch(options, handler)
      }

      override close(): Promise<void> {
        return pools.close()
      }

      override destroy(): Promise<void> {
        return pools.close()
      }
    }
    return new GroupDispatcher()
  }

  /** The uplink went down: closes its idle connections, and busy ones when they are done, or with `cut` immediately. */
  leave(uplink: string, cut: NetviaError | undefined): void {
    const pool = this.#pools.get(uplink)
    this.#pools.delete(uplink)
    if (cut) pool?.dispatcher.destroy(cut)
    else pool?.leave()
  }

  /** Closes all connections, even busy ones. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map(({ dispatcher }) => dispatcher.destroy()))
  }

  #pool(uplink: Uplink): FetchPath {
    let pool = this.#pools.get(uplink.name)
    if (!pool) {
      pool = new FetchPath(pathOf(uplink), this.#source.connector(uplink))
      this.#pools.set(uplink.name, pool)
    }
    return pool
  }
}

/** The host; empty if the input isn't a URL. */
export function hostOf(input: FetchInput): string {
  const url = typeof input === 'object' && input !== null && 'url' in input ? input.url : String(input)
  return URL.canParse(url) ? new URL(url).hostname : ''
}
