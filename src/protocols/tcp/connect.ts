import type { Socket } from 'node:net'
import { anything, checkOptions, type PathOptions } from '../../options.js'
import { sharedTurn } from '../../runtime/turns.js'
import { type ConnectOptions, close, connectSchema, type DialOptions, dialDescriptorInTime, toSocket } from './dial.js'
import { dialPathsInTime } from './multipath/dial.js'
import { type MultipathOptions, multipathSchema } from './multipath/options.js'
import { outlivingErrors } from './outliving-errors.js'

/**
 * Connects over TCP to a name or an address, like Go's `Dialer.DialContext`. netvia resolves the name over the path and races
 * all addresses (RFC 8305). Each attempt has its own descriptor, which is bound to the device and read back. The promise
 * resolves once the socket is connected. If it breaks while nobody listens for `error`, `socket.errored` has the error.
 *
 * With `multipath`, several devices carry the connection (Multipath TCP, RFC 8684), and it survives the loss of all but one.
 * `multipathInfo(socket)` returns how it is carried.
 *
 * @throws NetviaError `ETIMEDOUT` when `timeout` is over; `ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, … when every address
 * failed (the most informative error, with the others in `cause`); the errors of `resolve` if there is no address; `ENODEV` if
 * the device doesn't exist or is deleted meanwhile; `ERR_OFF_PATH` for an address of the device itself;
 * `ERR_DEVICE_NOT_BOUND`; `ERR_MULTIPATH_UNAVAILABLE`, `ERR_MULTIPATH_FALLBACK`; `signal.reason` when aborted.
 */
export async function connect(given: ConnectOptions & MultipathOptions): Promise<Socket> {
  const options = checkOptions('connect', given, schema, ['host', 'port'])
  const { socket } = await dialPathsInTime(options)
  // A near host answers within the call, before the caller could abort it.
  if (options.signal?.aborted) socket.destroy()
  options.signal?.throwIfAborted()
  return outlivingErrors(socket)
}

const schema = { ...connectSchema, ...multipathSchema }

/** Makes the connections of a pool. It may use another path than that of the options, and returns which. */
export type Connector = (options: DialOptions) => Promise<{ readonly socket: Socket; readonly path: PathOptions }>

/** For pools, whose signals are netvia's own. */
const pooledSchema = { ...connectSchema, signal: anything }

/** Connects over the path of the options. */
export const connectOnPath: Connector = async given => {
  const path: DialOptions = checkOptions('connect', given, pooledSchema, ['host', 'port'])
  const connected = await dialDescriptorInTime(path)
  // A near server then wakes once for all connections of a turn, and once for all their requests, instead of for each.
  await sharedTurn()
  if (path.signal?.aborted) close(connected)
  path.signal?.throwIfAborted()
  return { socket: toSocket(connected, path).socket, path }
}
