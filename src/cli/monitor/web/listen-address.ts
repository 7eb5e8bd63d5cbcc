import { BlockList, isIP } from 'node:net'
import { invalidArgument } from '../../../errors.js'
import { splitHostPort } from '../../shared/arguments.js'

export interface ListenAddress {
  host: string
  /** 0: any that is free. */
  port: number
  /** Nothing but this machine reaches it. */
  loopback: boolean
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** `port`, `host:port` or `[address]:port`. */
export function listenAddress(value: string, name = 'it'): ListenAddress {
  const { host, port } = /^\d+$/.test(value) ? { host: '127.0.0.1', port: Number(value) } : splitHostPort(value)
  if (port === undefined || port > 65_535) {
    throw invalidArgument(name, value, 'a port, host:port or [address]:port, such as 9777 or 192.0.2.1:9777')
  }
  return { host, port, loopback: isLoopback(host) }
}

export function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host.toLowerCase() === 'localhost' : loopback.check(host, family === 4 ? 'ipv4' : 'ipv6')
}
