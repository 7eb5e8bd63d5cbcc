import { constants } from 'node:os'
import { addon } from '../../../binding/addon.js'
import { decodeAddress } from '../../../sockets/address.js'
import { openDescriptor } from '../../../sockets/open.js'
import { setOption } from '../../../sockets/options.js'
import { isLoopback, isOwnAddress } from '../../../system/reach.js'

const ipv4Length = 16

/** Offset and length of the address within `struct sockaddr_in` and `sockaddr_in6`. */
const place = { 4: [4, 4], 6: [8, 16] } as const

/** Whether the answer came from the host that was asked. */
export function sameHost(source: Uint8Array, target: Uint8Array, family: 4 | 6): boolean {
  const [start, length] = place[family]
  let same = source.length >= start + length
  for (let i = start; same && i < start + length; i++) same = source[i] === target[i]
  return same
}

export function isMulticast(target: Uint8Array, family: 4 | 6): boolean {
  const first = target[place[family][0]]!
  return family === 4 ? first >= 224 && first < 240 : first === 0xff
}

/**
 * Whether this machine itself has answered its request to a group. It does so even without a cable, so that proves nothing
 * about the network. On loopback there is nobody else.
 */
export function isOwnAnswer(source: Uint8Array, device: string | undefined): boolean {
  const { address } = decodeAddress(source)!
  return device !== 'lo' && !isLoopback(address) && isOwnAddress(address)
}

/**
 * Whether the kernel treats the address as broadcast on `device`. Only sockets that request it may send there (SO_BROADCAST,
 * socket(7)). The check connects a datagram socket, which sends nothing.
 */
export function isBroadcast(target: Uint8Array, device: string | undefined): boolean {
  if (target.length !== ipv4Length) return false
  const fd = openDescriptor(4, 'datagram', 0, { device })
  try {
    if (addon().connect(fd, target) !== -constants.errno.EACCES) return false
    setOption(fd, 'SO_BROADCAST', 1)
    return addon().connect(fd, target) === 0
  } finally {
    addon().close(fd)
  }
}
