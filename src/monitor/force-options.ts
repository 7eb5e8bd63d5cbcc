import { invalidArgument } from '../errors.js'
import { type Check, checkOptions, longestTimer, number, oneOf, type Schema, string } from '../options.js'
import { Force } from './record/force.js'

/** Options of `UplinkMonitor.force()`. */
export interface ForceOptions {
  /** Milliseconds until the checks decide again; 25 days at most. Default: until 'auto'. Not with 'auto'. */
  forMs?: number
  /** The reason to show, up to 200 characters. Not with 'auto'. */
  why?: string
}

const shortText: Check = (value, name) => {
  if ((string(value, name) as string).length > 200) throw invalidArgument(name, value, '200 characters or fewer')
  return value as string
}

const schema = { forMs: number(1, longestTimer), why: shortText } satisfies Schema

/** Undefined: the checks decide. */
export function forceOf(state: 'up' | 'down' | 'auto', options: ForceOptions): Force | undefined {
  oneOf('up', 'down', 'auto')(state, 'force: state')
  const { forMs, why } = checkOptions('force', options, state === 'auto' ? {} : schema)
  return state === 'auto' ? undefined : Force.begin(state, forMs, why)
}
