import { invalidArgument } from '../../errors.js'
import type { Configuration } from './config.js'

/** Keeps only the uplinks on these devices, if any are named. */
export function onlyDevices(options: Configuration, devices: string[] | undefined): Configuration {
  if (!devices) return options
  const uplinks = options.uplinks.filter(({ device }) => device !== undefined && devices.includes(device))
  if (uplinks.length > 0) return { ...options, uplinks }
  const known = new Set(options.uplinks.flatMap(({ device }) => device ?? []))
  throw invalidArgument('--device', devices.join(', '), `one of the configured devices (${[...known].join(', ')})`)
}
