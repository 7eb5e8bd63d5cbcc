import { constants } from 'node:os'
import { addon } from '../../../binding/addon.js'
import { openDescriptor } from '../../../sockets/open.js'
import { setOption } from '../../../sockets/options.js'

const ipv4Length = 16

/** Where the address lies in `struct sockaddr_in` and `sockaddr_in6`, and its length. */
const place = { 4: [4, 4], 6: [8, 16] } as const

/**
 * Is the answer from the host that was asked? `exactly: false` lets anyone answer for a group (multicast), and any address
 * of this host for the unspecified one.
 */
export function sameHost(source: Uint8Array, target: Uint8Array, family: 4 | 6, exactly = false): boolean {
  const [start, length] = place[family]
  let same = source.length >= start + length
  for (let i = start; same && i < start + length; i++) same = source[i] === target[i]
  return same || (!exactly && standsForMany(target, family))
}

/** A group, or any address of this host: others may answer for it. */
export function standsForMany(target: Uint8Array, family: 4 | 6): boolean {
  const [start, length] = place[family]
  const first = target[start]!
  const multicast = family === 4 ? first >= 224 && first < 240 : first === 0xff
  return multicast || target.subarray(start, start + length).every(byte => byte === 0)
}

/**
 * Whether the kernel takes it for a broadcast address, by `device`. Only sockets that ask for it may send to one (SO_BROADCAST,
 * socket(7)); to connect a datagram socket sends nothing.
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
