import type { NetviaError } from '../errors.js'
import type { PathOptions } from '../options.js'

interface NamedPath extends PathOptions {
  readonly name: string
}

/** One connection's way through a group. */
export interface GroupAttempts {
  /** The policy's choice. Throws `ERR_NO_UPLINK`. */
  first(key: string): NamedPath
  /** The preferred of those that work and haven't been tried. */
  next(tried: ReadonlySet<string>): NamedPath | undefined
  /** Until the returned function is called, `cut` is called when connections of the uplink are cut. */
  onCut(uplink: string, cut: (error: NetviaError) => void): () => void
}
