import { invalidArgument } from '../errors.js'
import { parseHostPort } from '../host-port.js'
import type { Check } from '../options.js'

/** A server by name or address, as given. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** `host`, `host:port`, `[IPv6 address]:port`, or an IPv6 address alone. */
export function serverAddress(text: unknown, name: string, defaultPort: number): ServerAddress {
  const { host, port = defaultPort } = (typeof text === 'string' && parseHostPort(text)) || {}
  if (host === undefined || port === 0) throw invalidArgument(name, text, 'a server as "host" or "host:port"')
  return { host, port }
}

/** For option schemas. */
export const server: Check = (value, name) => {
  serverAddress(value, name, 1)
  return value as string
}
