import { duration } from '../shared/duration.js'
import { size } from '../shared/size.js'

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

/**
 * `500ms`, `2s`, `1m` and `1h` as milliseconds, where options are times, and `15MB` as bytes in a quota. Anything else is left
 * for the checks to refuse.
 */
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
  if (!isMembers(uplink)) return uplink
  const { checks, metered } = uplink
  return {
    ...uplink,
    ...(isMembers(metered) && { metered: convert(convert(metered, ['period']), ['quota'], size) }),
    ...(Array.isArray(checks) && {
      checks: checks.map(check => (isMembers(check) ? convert(check, ['timeout']) : check)),
    }),
  }
}

function convert(members: Members, keys: readonly string[], read: (text: string) => unknown = duration): Members {
  const given = keys.filter(key => Object.hasOwn(members, key))
  const converted = (value: unknown) => (typeof value === 'string' ? (read(value) ?? value) : value)
  return { ...members, ...Object.fromEntries(given.map(key => [key, converted(members[key])])) }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
