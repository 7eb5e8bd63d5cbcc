import type { Agent, RequestInfo, RequestInit, Response } from 'undici'
import {
  anything,
  checkOptions,
  type PathOptions,
  pathKey,
  pathOf,
  pathSchema,
  type Schema,
  signalCheck,
} from '../../options.js'
import { Cancel } from '../../runtime/cancel.js'
import { noLongerNeeded } from '../../runtime/deadline.js'
import type { Connector } from '../tcp/connect.js'
import { openDispatcher } from './dispatcher.js'
import { undici } from './undici-module.js'

/** The path, and the members of the standard's `RequestInit`. netvia sets the dispatcher. */
export type FetchInit = PathOptions & Omit<RequestInit, 'dispatcher'>

/** Members of the standard's RequestInit. undici checks the values. */
export const fetchSchema: Schema = {
  ...pathSchema,
  body: anything,
  cache: anything,
  credentials: anything,
  duplex: anything,
  headers: anything,
  integrity: anything,
  keepalive: anything,
  method: anything,
  mode: anything,
  priority: anything,
  redirect: anything,
  referrer: anything,
  referrerPolicy: anything,
  signal: (value, name) => (value === null ? null : signalCheck(value, name)),
  window: anything,
}

/** The connections of all fetches on one path. */
export class FetchPath {
  readonly dispatcher: Agent
  #waiting = 0
  #connecting = new Cancel()
  #isLeft = false

  constructor(path: PathOptions, connector?: Connector) {
    this.dispatcher = openDispatcher('fetch', path, { signal: () => this.#connecting, connector })
  }

  get busy(): boolean {
    return this.#waiting > 0
  }

  /** Closes its idle connections, and the others when they become idle. A redirect is a new request. */
  leave(): void {
    this.#isLeft = true
    if (!this.busy) this.dispatcher.close().catch(() => {})
  }

  /** undici continues to connect for an aborted request. This ends it when no request waits any more. */
  async run(work: (dispatcher: Agent) => Promise<Response>): Promise<Response> {
    this.#waiting++
    try {
      return await work(this.dispatcher)
    } finally {
      if (--this.#waiting === 0) {
        this.#connecting.abort(noLongerNeeded)
        this.#connecting = new Cancel()
        if (this.#isLeft) this.leave()
      }
    }
  }
}

/** The most recently used comes last. */
const paths = new Map<string, FetchPath>()
/** Programs that give each of many users a source address or a mark have as many paths. */
const maxPaths = 64

function fetchPath(options: PathOptions): FetchPath {
  const key = pathKey(options)
  const path = paths.get(key) ?? new FetchPath(pathOf(options))
  paths.delete(key)
  paths.set(key, path)
  for (const [key, old] of paths) {
    if (paths.size <= maxPaths) break
    if (old === path || old.busy) continue
    paths.delete(key)
    // Closes after the bodies that are still being read have ended.
    old.dispatcher.close().catch(() => {})
  }
  return path
}

/**
 * undici's `fetch` (the Fetch standard) over a path, including name resolution and redirects. Fetches on the same path
 * share connections, which are kept for a while. Beyond 64 paths, netvia closes the connections of the least recently used
 * one.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`; `ERR_UNDICI_NOT_FOUND` where the package is not installed. As with any
 * fetch, a missing answer is a `TypeError` whose `cause` has the error of `connect`, such as `ENODEV`. `signal.reason` when
 * aborted.
 */
export async function fetch(input: RequestInfo, given: FetchInit = {}): Promise<Response> {
  const init = checkOptions('fetch', given, fetchSchema)
  const { device: _device, localAddress: _localAddress, mark: _mark, tos: _tos, ...request } = init
  return fetchPath(init).run(dispatcher => undici().fetch(input, { ...request, dispatcher }))
}
