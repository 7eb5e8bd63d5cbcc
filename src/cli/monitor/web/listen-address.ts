import { BlockList } from 'node:net'
import { isIP } from '../../../builtins.js'
import { invalidArgument } from '../../../errors.js'
import { parseHostPort } from '../../../host-port.js'

export interface ListenAddress {
  host: string
  /** 0: any free port. */
  port: number
  /** Only this machine can reach it. */
  loopback: boolean
}

/** IPv4 addresses in IPv6 notation belong to it too. */
const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** `port`, `host:port` or `[address]:port`. */
export function listenAddress(value: string, name = 'it'): ListenAddress {
  const { host, port } = parseHostPort(/^\d+$/.test(value) ? `127.0.0.1:${value}` : value) ?? {}
  if (host === undefined || port === undefined) {
    throw invalidArgument(name, value, 'a port, host:port or [address]:port, such as 9777 or 192.0.2.1:9777')
  }
  return { host, port, loopback: isLoopback(host) }
}

export function isLoopback(host: string): boolean {
  switch (isIP(host)) {
    case 4:
      return host.startsWith('127.')
    case 6:
      return loopback.check(host, 'ipv6')
    default:
      return host.toLowerCase() === 'localhost'
  }
}
