import { addon } from '../binding/addon.js'
import { systemError } from '../errors.js'
import { ipRange } from './address.js'

/** Buffer for a local address, reused for each. */
const room = new Uint8Array(28)

/**
 * Whether the kernel chose the target's port as the local one, so that the descriptor connects to itself (RFC 9293 section 3.5,
 * simultaneous open). Nobody listens there, or the kernel could not have chosen the port. Throws if the kernel doesn't say the
 * local port: then nothing proves either. Leaves the descriptor's own name in `local`.
 */
export function meetsItself(fd: number, target: Uint8Array, local = room): boolean {
  const length = addon().getsockname(fd, local)
  if (length < 0) throw systemError(length, 'getsockname')
  if (local[2] !== target[2] || local[3] !== target[3]) return false
  const [start, end] = ipRange(target)
  return Buffer.compare(local.subarray(start, end), target.subarray(start, end)) === 0
}

/**
 * An address of family AF_UNSPEC. Connecting to it resets the connection and returns the descriptor to its state before the
 * first connect (connect(2)).
 */
const nowhere = new Uint8Array(16)

/** Without a reset, the kernel would keep the port of the connection for a minute. */
export function resetConnection(fd: number): void {
  addon().connect(fd, nowhere)
}
