import { fragmentationNeeded, typeOf } from '../packet/message-types.js'
import type { Outcome } from './echo-request.js'

/** The outcome that an ICMP error means for its probe. */
export function outcomeOfError(family: 4 | 6, type: number, code: number): Outcome {
  if (type === typeOf[family]['time-exceeded'] && code === 0) return 'ttl-exceeded'
  const tooBig =
    family === 4 ? type === typeOf[4].unreachable && code === fragmentationNeeded : type === typeOf[6]['packet-too-big']
  return tooBig ? 'too-big' : 'unreachable'
}
