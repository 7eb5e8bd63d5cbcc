import type { Socket } from 'node:dgram'
import { addon } from '../../binding/addon.js'
import { isIP } from '../../builtins.js'
import { invalidArgument, NetviaError, systemError } from '../../errors.js'
import { encodeAddress, familyOf } from '../../sockets/address.js'
import { checkZone, meansDevice, offPath } from '../../sockets/off-path.js'

/** `MCAST_*` of linux/in.h: the same for both families, and on all architectures. */
const options = {
  addMembership: 42,
  dropMembership: 45,
  addSourceSpecificMembership: 46,
  dropSourceSpecificMembership: 47,
} as const

/** IPPROTO_IP and IPPROTO_IPV6. */
const level = { 4: 0, 6: 41 } as const

/** Size of `struct sockaddr_storage`, which is aligned like a pointer. */
const storageSize = 128
const pointerSize = /64|s390x/.test(process.arch) ? 8 : 4

/**
 * Makes a socket's multicast calls use its device. Node's own would use the device of the default route. Refuses the
 * interface of another device. Packets to a group use the device that the socket is bound to (udp(7)).
 */
export function keepMembershipsOn(device: string, socket: Socket, fd: number, family: 4 | 6): void {
  const check = (caller: string, given: string | undefined) => {
    if (given === undefined || given === '') return
    if (typeof given !== 'string') throw invalidArgument(`${caller}: interface`, given, 'a string')
    if (meansDevice(given, device)) return
    const hint = 'leave the interface out, or open another socket on the device that is meant'
    throw offPath(`${caller}: interface ${JSON.stringify(given)} is not device ${device}`, hint, device)
  }
  const change = (caller: keyof typeof options, addresses: string[], given: string | undefined) => {
    // Throws once the socket is closed, because the descriptor's number may belong to something else then.
    socket.address()
    check(caller, given)
    changeMembership(caller, fd, family, device, addresses)
  }
  const setMulticastInterface = socket.setMulticastInterface.bind(socket)
  Object.assign(socket, {
    addMembership: (group: string, on?: string) => change('addMembership', [group], on),
    dropMembership: (group: string, on?: string) => change('dropMembership', [group], on),
    addSourceSpecificMembership: (source: string, group: string, on?: string) =>
      change('addSourceSpecificMembership', [group, source], on),
    dropSourceSpecificMembership: (source: string, group: string, on?: string) =>
      change('dropSourceSpecificMembership', [group, source], on),
    setMulticastInterface(on: string) {
      socket.address()
      check('setMulticastInterface', on)
      if (on !== device) setMulticastInterface(on)
    },
  })
}

/** Joins or leaves a group on a device: the group, and the source if it is specific to one. */
export function changeMembership(
  caller: keyof typeof options,
  fd: number,
  family: 4 | 6,
  device: string,
  addresses: readonly string[],
): void {
  for (const address of addresses) {
    if (typeof address !== 'string' || isIP(address) === 0) throw invalidArgument(caller, address, 'an IP address')
    checkAddress(caller, address, family, device)
  }
  const index = addon().deviceIndex(device)
  const errno = index < 0 ? index : addon().setOption(fd, level[family], options[caller], request(index, addresses))
  if (errno < 0) throw systemError(errno, caller, { address: addresses[0], device })
}

/** @throws NetviaError `ERR_ADDRESS_FAMILY`; `ERR_OFF_PATH` for the zone of another device. */
export function checkAddress(caller: string, address: string, family: 4 | 6, device: string | undefined): void {
  if (familyOf(address) !== family) {
    throw new NetviaError(`${caller}: ${address} is not an IPv${family} address, as the socket's are`, {
      ...{ code: 'ERR_ADDRESS_FAMILY', address, device },
    })
  }
  checkZone(address, device)
}

/** `struct group_req`, or `group_source_req` with a source (ip(7)): the index of the device, and the addresses. */
function request(index: number, addresses: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(pointerSize + addresses.length * storageSize)
  new Uint32Array(bytes.buffer)[0] = index
  for (const [i, address] of addresses.entries()) bytes.set(encodeAddress(address), pointerSize + i * storageSize)
  return bytes
}
