import { invalidArgument } from '../../../errors.js'
import { boolean, type Check, checkOptions, deviceName, oneOf, type Schema } from '../../../options.js'

/** A device of a multipath connection. */
export interface MultipathDevice {
  /** Name of the device. */
  device: string
  /** Carries data only while no other device does. Default: false. */
  backup?: boolean
}

/** When plain TCP may carry a connection that asked for `multipath`. */
export type MultipathFallback = 'server' | 'always' | 'never'

/** Options of a connection that uses several devices at the same time. */
export interface MultipathOptions {
  /**
   * Names of 2 to 8 devices that carry the connection together, by Multipath TCP (RFC 8684). It survives the loss of all but
   * one. Takes the place of `device` and `localAddress`. Needs CAP_NET_ADMIN and Linux 5.19. Default: one path.
   */
  multipath?: readonly (string | MultipathDevice)[]
  /**
   * When plain TCP over one of the devices is acceptable. `server`: the server doesn't speak Multipath TCP. `always`: also
   * if this machine can't. `never`: in neither case; the call then rejects with ERR_MULTIPATH_FALLBACK. Default: `server`.
   */
  multipathFallback?: MultipathFallback
}

/** Limit of MPTCP for one connection: the first subflow and 7 more. */
const most = 8
const deviceSchema: Schema = { device: deviceName, backup: boolean }

const devices: Check = (value, name) => {
  if (!Array.isArray(value) || value.length < 2 || value.length > most)
    throw invalidArgument(name, value, `an array of 2 to ${most} devices`)
  const kept = value.map((item, index): Required<MultipathDevice> => {
    const at = `${name}[${index}]`
    const given = typeof item === 'string' ? { device: item } : (item as MultipathDevice)
    return { backup: false, ...checkOptions(at, given, deviceSchema, ['device']) }
  })
  if (new Set(kept.map(({ device }) => device)).size < kept.length)
    throw invalidArgument(name, value, 'different devices')
  if (kept.every(({ backup }) => backup)) throw invalidArgument(name, value, 'at least one device that is no backup')
  return kept
}

export const multipathSchema = {
  multipath: devices,
  multipathFallback: oneOf('server', 'always', 'never'),
} satisfies Schema
