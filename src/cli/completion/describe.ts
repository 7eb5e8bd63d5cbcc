import type { Option } from 'commander'

/** Shell command that lists the network devices. */
export const listDevices = 'command ls /sys/class/net'

export function namesOf({ short, long }: Option): string[] {
  return [short, long].filter(name => name !== undefined)
}

/** What a shell can offer for the option's value. */
export function kindOf({ long, flags }: Option): 'device' | 'file' | 'other' {
  if (long === '--device') return 'device'
  return /<file>/.test(flags) ? 'file' : 'other'
}

/** `seconds` of `-W, --timeout <seconds>`. */
export function valueName({ flags }: Option): string {
  return /<([^>]+)>/.exec(flags)?.[1] ?? ''
}

/** The help says so of each such option. */
export function isRepeatable({ description }: Option): boolean {
  return description.includes('may be given again')
}
