import { isIP } from '../../builtins.js'
import { errorAt, invalidArgument } from '../../errors.js'
import { checkOptions, integer, number } from '../../options.js'
import { unmapped } from '../../sockets/ip.js'
import type { MeteredOptions, UplinkCheck, UplinkOptions } from '../options.js'
import { type Allowance, reserveOf } from './probe-budget.js'

/** A metered uplink, with all defaults filled in. */
export interface Metered extends Allowance {
  /** Bytes of one probe of each check, in their order. An answer has as many. */
  readonly probeBytes: readonly number[]
}

const day = 86_400_000
export const meteredDefaults = { quota: 15_000_000, period: 30 * day } as const
const schema = { quota: integer(1, 1e15), period: number(1000, 366 * day) }

/** `rounds`: the number of rounds that the reserve must pay for. Undefined: it isn't metered. */
export function meteredOf(
  caller: string,
  given: UplinkOptions['metered'],
  { device, checks }: { device?: string; checks: readonly UplinkCheck[] },
  rounds: number,
): Metered | undefined {
  try {
    const isSwitch = typeof given === 'boolean'
    const options = isSwitch ? {} : checkOptions<MeteredOptions>(caller, given as MeteredOptions, schema)
    if (given === false) return undefined
    if (device === undefined) throw invalidArgument(caller, given, 'beside a device: its traffic is what counts')
    const probeBytes = checks.map(check => bytesOf(caller, check))
    const { quota, period } = { ...meteredDefaults, ...options }
    const roundBytes = 2 * probeBytes.reduce((sum, bytes) => sum + bytes, 0)
    const least = Math.ceil((rounds * roundBytes * quota) / reserveOf(quota))
    if (quota < least)
      throw errorAt('quota', invalidArgument(`${caller}.quota`, quota, `${least} or more with these checks`))
    return { quota, period, roundBytes, probeBytes }
  } catch (error) {
    throw errorAt('metered', error)
  }
}

/** IP header, ICMP header and payload (RFC 791, RFC 8200, RFC 792). */
function bytesOf(caller: string, check: UplinkCheck): number {
  const family = check.type === 'ping' ? isIP(unmapped(check.host)) : 0
  if (check.type !== 'ping' || family === 0)
    throw invalidArgument(caller, `a ${check.type} check`, 'beside pings of addresses only: their size is known')
  return (family === 4 ? 20 : 40) + 8 + (check.payloadSize ?? 56)
}
