import type { EventEmitter } from 'node:events'

/** Stands for undici's own types: programs without undici must compile too. */
// biome-ignore lint/suspicious/noExplicitAny: the type depends on the program's version of undici.
export type OfUndici = any

/** undici's `Dispatcher`, of any version, for the `dispatcher` option of its `fetch`, `request` and similar calls. */
export interface GroupDispatcher extends EventEmitter {
  /** Same as undici's. */
  dispatch(options: OfUndici, handler: OfUndici): boolean
  /** Same as undici's. */
  connect(...args: OfUndici[]): OfUndici
  /** Same as undici's. */
  compose(...interceptors: OfUndici[]): OfUndici
  /** Same as undici's. */
  request(...args: OfUndici[]): OfUndici
  /** Same as undici's. */
  pipeline(...args: OfUndici[]): OfUndici
  /** Same as undici's. */
  stream(...args: OfUndici[]): OfUndici
  /** Same as undici's. */
  upgrade(...args: OfUndici[]): OfUndici
  /** Closes all connections of the group's pools, even busy ones. */
  close(...args: OfUndici[]): OfUndici
  /** The same as `close`. */
  destroy(...args: OfUndici[]): OfUndici
  /** Same as undici's. */
  listeners(event: OfUndici): OfUndici
  /** Same as undici's. */
  rawListeners(event: OfUndici): OfUndici
}

/** The target of `fetch`: a URL, or a `Request` (the global one or undici's). */
export type FetchInput =
  | string
  | URL
  | {
      /** The URL. */
      readonly url: string
    }
