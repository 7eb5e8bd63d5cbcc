/**
 * Encodes and decodes ICMP and ICMPv6 messages. Pure: needs neither a socket nor Linux.
 *
 * @module
 */
export { decode } from './decode.js'
export { encode } from './encode.js'
