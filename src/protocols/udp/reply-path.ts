import { addon } from '../../binding/addon.js'
import type { PathOptions } from '../../options.js'
import { addressText, localAddressOf, scopeOf } from '../../sockets/address.js'
import { offPath } from '../../sockets/off-path.js'
import { openDescriptor } from '../../sockets/open.js'
import { isDeliveredHere, leavesBy } from '../../system/netlink/tables.js'

/** Where an answer leaves from: a source address, and the index of a device. */
export interface ReplyPath {
  readonly source?: Uint8Array
  readonly device: number
}

/**
 * An IPv6 answer of a socket without a device. With a source address, the kernel only prefers the device of IPV6_PKTINFO and
 * follows routes of other devices too. Without one, it uses that device alone, and chooses the address. Returns what leaves
 * through the device, from the address.
 *
 * @throws NetviaError `ERR_OFF_PATH` if neither does.
 */
export function replyPath6(target: Uint8Array, from: Required<ReplyPath>, device: string, mark?: number): ReplyPath {
  // The zone of an address of one link is always obeyed.
  if (scopeOf(target) !== 0) return from
  const [address, source] = [addressText(target), addressText(from.source)]
  const key = { deviceIndex: from.device, source: from.source.subarray(8, 24), mark }
  if (leavesBy(target.subarray(8, 24), from.device, key)) return from
  if (chosenSource(target, { device, mark }) === source) return { device: from.device }
  if (isDeliveredHere(address)) return from
  const hint = `add a rule for packets from ${source}, or open a socket with the device`
  throw offPath(`reply: the routes take packets from ${source} to ${address} through another device`, hint, device)
}

/** The address that the kernel chooses on a device. */
function chosenSource(target: Uint8Array, path: PathOptions): string | undefined {
  const fd = openDescriptor(6, 'datagram', 0, path)
  const errno = addon().connect(fd, target)
  const source = errno < 0 ? undefined : localAddressOf(fd)
  addon().close(fd)
  return source
}
