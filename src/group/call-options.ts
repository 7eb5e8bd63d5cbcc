import { type PathOptions, pathSchema, type Schema } from '../options.js'
import type { ResolveOptions } from '../protocols/dns/resolve.js'
import type { ConnectOptions } from '../protocols/tcp/dial.js'

/** Options of `connect`, without the path: the picked uplink sets it. */
export interface GroupConnectOptions extends Omit<ConnectOptions, keyof PathOptions> {
  /** Key for 'sticky'. Default: the host. */
  key?: string
}

/** Options of `resolve`, without the path: the picked uplink sets it. */
export interface GroupResolveOptions extends Omit<ResolveOptions, keyof PathOptions> {
  /** Key for 'sticky'. Default: the name. */
  key?: string
}

/** Options of undici's `fetch`, without the dispatcher: the group sets it. */
export interface GroupFetchInit extends Omit<RequestInit, 'dispatcher'> {
  /** Key for 'sticky'. Default: the host. */
  key?: string
}

/** The schema without path options, which the group sets. */
export function withoutPath(schema: Schema): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !Object.hasOwn(pathSchema, key)))
}
