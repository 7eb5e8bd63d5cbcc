import { constants } from 'node:os'
import { NetviaError, systemError } from '../../../errors.js'
import { decodeAddress } from '../../../sockets/address.js'
import { isOwnAddress } from '../../../system/reach.js'
import { typeOf } from '../packet/message-types.js'
import type { Verdict } from './echo-request.js'
import { sameHost } from './source-check.js'

/** Host unreachable and address unreachable: the errors the kernel itself reports if a neighbour doesn't answer. */
const neighbourFailure = { 4: { type: typeOf[4].unreachable, code: 1 }, 6: { type: typeOf[6].unreachable, code: 3 } }

/**
 * Whether this machine's own kernel reported the error, about a packet that it could not pass to the next hop. Such a packet
 * was never sent. An error from the target itself is accepted.
 */
export function isOwnReport(
  family: 4 | 6,
  { type, code, from, target }: Pick<Verdict, 'type' | 'code' | 'from' | 'target'>,
): boolean {
  const sign = neighbourFailure[family]
  if (type !== sign.type || code !== sign.code || sameHost(from!, target, family)) return false
  const own = decodeAddress(from!)
  return own !== undefined && isOwnAddress(own.address)
}

/** `silentHop`: the next hop, if it is known not to answer. */
export function notSent(device: string | undefined, silentHop?: string): NetviaError {
  const why = silentHop
    ? `nobody on the link answers for the next hop, ${silentHop}`
    : 'no neighbour answered for the next hop, or a queue or firewall of this machine dropped it'
  return systemError(-constants.errno.EHOSTUNREACH, 'sendmsg', { device, hint: `the packet was not sent: ${why}` })
}

/** Refuses broadcast addresses by default: a request to every host of a link must be intended. */
export function broadcastRefused(target: Uint8Array, device: string | undefined): NetviaError {
  const { address } = decodeAddress(target)!
  const hint = 'to ask all hosts of the link, set broadcast: true (-b in netvia ping, --broadcast in netvia sweep)'
  const message = `${address} is a broadcast address; ${hint}`
  return new NetviaError(message, { code: 'ERR_BROADCAST_ADDRESS', address, device, hint })
}
