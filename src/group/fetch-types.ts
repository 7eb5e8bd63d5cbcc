import type { EventEmitter } from 'node:events'

/** Of undici's own types: who has no undici must be able to compile without them. */
// biome-ignore lint/suspicious/noExplicitAny: what it is depends on the undici that the program has.
export type OfUndici = any

/** undici's `Dispatcher`, of whatever version: for the option `dispatcher` of its `fetch`, `request` and the like. */
export interface GroupDispatcher extends EventEmitter {
  /** As undici's. */
  dispatch(options: OfUndici, handler: OfUndici): boolean
  /** As undici's. */
  connect(...args: OfUndici[]): OfUndici
  /** As undici's. */
  compose(...interceptors: OfUndici[]): OfUndici
  /** As undici's. */
  request(...args: OfUndici[]): OfUndici
  /** As undici's. */
  pipeline(...args: OfUndici[]): OfUndici
  /** As undici's. */
  stream(...args: OfUndici[]): OfUndici
  /** As undici's. */
  upgrade(...args: OfUndici[]): OfUndici
  /** Ends all connections of the group's pools, busy ones too. */
  close(...args: OfUndici[]): OfUndici
  /** The same. */
  destroy(...args: OfUndici[]): OfUndici
  /** As undici's. */
  listeners(event: OfUndici): OfUndici
  /** As undici's. */
  rawListeners(event: OfUndici): OfUndici
}

/** What `fetch` asks for: a URL, or a `Request`, the global one or undici's. */
export type FetchInput =
  | string
  | URL
  | {
      /** Where it goes. */
      readonly url: string
    }
