import type { Statistics } from './statistics.js'
import type { Uplinks } from './uplinks.js'
import type { Users } from './users.js'

/** Everything that a client's connection needs. */
export interface ProxyContext {
  readonly uplinks: Uplinks
  users: Users | undefined
  readonly idleTimeout: number
  readonly servers: readonly string[] | undefined
  readonly statistics: Statistics
}
