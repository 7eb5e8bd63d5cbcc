/**
 * ICMP and ICMPv6 messages as bytes and back. Pure: needs neither a socket nor Linux.
 *
 * @module
 */
export { decode } from './decode.js'
export { encode } from './encode.js'
