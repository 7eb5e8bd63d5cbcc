import { type PathOptions, pathSchema, type Schema } from '../options.js'
import type { ResolveOptions } from '../protocols/dns/resolve.js'
import type { ConnectOptions } from '../protocols/tcp/dial.js'

/** As for `connect`; the path is the picked uplink's. */
export interface GroupConnectOptions extends Omit<ConnectOptions, keyof PathOptions> {
  /** What 'sticky' goes by. Default: the host. */
  key?: string
}

/** As for `resolve`; the path is the picked uplink's. */
export interface GroupResolveOptions extends Omit<ResolveOptions, keyof PathOptions> {
  /** What 'sticky' goes by. Default: the name. */
  key?: string
}

/** As for undici's `fetch`; the dispatcher is the group's. */
export interface GroupFetchInit extends Omit<RequestInit, 'dispatcher'> {
  /** What 'sticky' goes by. Default: the host. */
  key?: string
}

/** The group gives the path. */
export function withoutPath(schema: Schema): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !Object.hasOwn(pathSchema, key)))
}
