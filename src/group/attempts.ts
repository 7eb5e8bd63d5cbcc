import type { NetviaError } from '../errors.js'
import type { PathOptions } from '../options.js'

/** An uplink to try. */
export interface NamedPath extends PathOptions {
  readonly name: string
}

/** The uplinks that one connection tries in a group. */
export interface GroupAttempts {
  /** The uplink that the policy picks. Throws `ERR_NO_UPLINK`. */
  first(key: string): NamedPath
  /** The preferred working uplink among those not tried yet. */
  next(tried: ReadonlySet<string>): NamedPath | undefined
  /** Whether the next uplink is tried after this error of one. */
  goesOn(error: unknown): boolean
  /** Milliseconds until the next uplink is tried beside this one; `Infinity`: not before this one has failed. */
  delay(uplink: string): number
  /** Something was opened over the uplink, or couldn't be in time although another uplink opened the same. */
  learned(uplink: string, worked: boolean): void
  /** Calls `cut` when the uplink's connections are cut, until you call the returned function. */
  onCut(uplink: string, cut: (error: NetviaError) => void): () => void
}
