import { constants } from 'node:os'
import { NetviaError, systemError } from '../../../errors.js'
import { addressText, decodeAddress } from '../../../sockets/address.js'
import { missingRouteHint } from '../../../system/missing-route.js'
import { isOwnAddress } from '../../../system/reach.js'
import type { Verdict } from './echo-request.js'
import { outcomeOfError } from './error-outcome.js'
import { sameHost } from './source-check.js'

/** The codes of unreachable (host, address) that the kernel itself reports if a neighbour doesn't answer. */
const neighbourFailure = { 4: 1, 6: 3 }

/**
 * The error if this machine itself reported that it could not deliver a packet: no neighbour answered, or its firewall
 * rejects what it sends. Such a packet was never sent. An error from the target itself is accepted.
 */
export function ownReport(
  family: 4 | 6,
  { type, code, from, target }: Pick<Verdict, 'type' | 'code' | 'from' | 'target'>,
  device: string | undefined,
): NetviaError | undefined {
  if (outcomeOfError(family, type, code) !== 'unreachable' || sameHost(from!, target, family)) return undefined
  const own = decodeAddress(from!)
  if (own === undefined || !isOwnAddress(own.address)) return undefined
  if (code === neighbourFailure[family]) return notSent(device, missingRouteHint(addressText(target), device))
  const hint = 'the packet was not sent: a firewall of this machine rejects it'
  return systemError(-constants.errno.EPERM, 'sendmsg', { device, hint })
}

export function notSent(
  device: string | undefined,
  why = 'no neighbour answered for the next hop, or a queue or firewall of this machine dropped it',
): NetviaError {
  return systemError(-constants.errno.EHOSTUNREACH, 'sendmsg', { device, hint: `the packet was not sent: ${why}` })
}

/** For ENOBUFS: the kernel reports both in the same way. */
export function queueHint(errno: number): string | undefined {
  if (errno !== -constants.errno.ENOBUFS) return undefined
  return "the device's queue was full, or its other end has a smaller MTU (veth): see if a smaller packet passes"
}

/** Refuses broadcast addresses by default: a request to every host of a link must be intended. */
export function broadcastRefused(target: Uint8Array, device: string | undefined): NetviaError {
  const { address } = decodeAddress(target)!
  const hint = 'to ask all hosts of the link, set broadcast: true (-b in netvia ping, --broadcast in netvia sweep)'
  const message = `${address} is a broadcast address; ${hint}`
  return new NetviaError(message, { code: 'ERR_BROADCAST_ADDRESS', address, device, hint })
}
