import { decode } from './decode.js'
import { encode } from './encode.js'

/** ICMP and ICMPv6 messages as bytes and back. Pure: needs neither a socket nor Linux. */
export const icmp = { encode, decode } as const
