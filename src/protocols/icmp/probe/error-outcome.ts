import { fragmentationNeeded, typeOf } from '../packet/message-types.js'
import type { Outcome } from './echo-request.js'

/** Source quench (RFC 792), deprecated by RFC 6633. */
const sourceQuench = 4

/**
 * Whether a message quotes a packet that its sender has passed on: a redirect (RFC 792) or a source quench. The answer is still to come.
 * The kernel reports them as errors to ping sockets over IPv4.
 */
export function isAdvice(family: 4 | 6, type: number): boolean {
  return family === 4 && (type === typeOf[4].redirect || type === sourceQuench)
}

/** The outcome that an ICMP error means for its probe. */
export function outcomeOfError(family: 4 | 6, type: number, code: number): Outcome {
  if (type === typeOf[family]['time-exceeded'] && code === 0) return 'ttl-exceeded'
  const tooBig =
    family === 4 ? type === typeOf[4].unreachable && code === fragmentationNeeded : type === typeOf[6]['packet-too-big']
  return tooBig ? 'too-big' : 'unreachable'
}
