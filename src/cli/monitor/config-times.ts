import { duration } from '../shared/duration.js'

type Members = Record<string, unknown>

const ofMonitor = [
  'interval',
  'failureInterval',
  'recoveryInterval',
  'timeout',
  'window',
  'minimumTime',
  'hookTimeout',
] as const

/** `500ms`, `2s`, `1m` and `1h` as milliseconds, where options are times. Anything else is left for the checks to refuse. */
export function withTimes(options: unknown): unknown {
  if (!isMembers(options)) return options
  const { damping, otlp, mqtt, proxy, uplinks } = options
  return {
    ...convert(options, ofMonitor),
    ...(isMembers(damping) && { damping: convert(damping, ['halfLife']) }),
    ...(isMembers(otlp) && { otlp: convert(otlp, ['interval', 'timeout']) }),
    ...(isMembers(proxy) && { proxy: convert(proxy, ['race']) }),
    ...(isMembers(mqtt) && { mqtt: convert(mqtt, ['interval', 'timeout']) }),
    ...(Array.isArray(uplinks) && { uplinks: uplinks.map(ofUplink) }),
  }
}

function ofUplink(uplink: unknown): unknown {
  if (!isMembers(uplink) || !Array.isArray(uplink.checks)) return uplink
  return { ...uplink, checks: uplink.checks.map(check => (isMembers(check) ? convert(check, ['timeout']) : check)) }
}

function convert(members: Members, keys: readonly string[]): Members {
  const given = keys.filter(key => Object.hasOwn(members, key))
  return { ...members, ...Object.fromEntries(given.map(key => [key, milliseconds(members[key])])) }
}

function milliseconds(value: unknown): unknown {
  return typeof value === 'string' ? (duration(value) ?? value) : value
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
