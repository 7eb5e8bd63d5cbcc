import type { Socket } from 'node:net'
import { checkOptions } from '../../options.js'
import { type ConnectOptions, connectSchema, type Dialed, dial } from './dial.js'
import { withinTimeLimit } from './time-limit.js'

/**
 * Connects over TCP to a name or an address, like Go's `Dialer.DialContext`: name resolution over the path, all addresses
 * raced (RFC 8305), each attempt on a descriptor of its own that is bound to the device and read back. The socket is
 * connected when the promise resolves.
 *
 * @throws NetviaError `ETIMEDOUT` when `timeout` is over; `ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, … when every address
 * failed (the most telling one, the others in `cause`); what `resolve` throws when there is no address; `ENODEV` no such
 * device, or it was deleted meanwhile; `ERR_DEVICE_NOT_BOUND`; `signal.reason` when aborted.
 */
export async function connect(options: ConnectOptions): Promise<Socket> {
  return (await connectTimed(checkOptions('connect', options, connectSchema, ['host', 'port']))).socket
}

/** `connect` of checked options, with the time each part took. */
export function connectTimed(options: ConnectOptions): Promise<Dialed> {
  return withinTimeLimit(options, (signal, progress) => dial(options, signal, progress))
}
