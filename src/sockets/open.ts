import { readdirSync } from 'node:fs'
import { networkInterfaces, constants as system } from 'node:os'
import { addon } from '../binding/addon.js'
import { NetviaError, systemError } from '../errors.js'
import type { PathOptions } from '../options.js'
import { addressFamily, encodeAddress, familyOf } from './address.js'
import { getOption, setOption, tryReadOption, trySetOption } from './options.js'
import { onLink } from './zone.js'

const { EACCES, EADDRNOTAVAIL, EINVAL, ENODEV, ENOPROTOOPT } = system.errno

export type SocketType = 'stream' | 'datagram' | 'raw'

/**
 * Opens a non-blocking descriptor on its path. It binds to the device and reads that back, sets mark and tos, and binds to
 * `localAddress` and `port` if given. `options` (such as `SO_REUSEADDR`) are set before the bind. On any failure it closes the
 * descriptor, and the error names the option.
 */
export function openDescriptor(
  family: 4 | 6,
  type: SocketType,
  protocol: number,
  path: PathOptions,
  port?: number,
  options: Readonly<Record<string, number>> = {},
): number {
  const { constants } = addon()
  const kind = constants[{ stream: 'SOCK_STREAM', datagram: 'SOCK_DGRAM', raw: 'SOCK_RAW' }[type]]!
  const fd = addon().socket(addressFamily(family), kind, protocol)
  if (fd < 0) throw systemError(fd, 'socket', { device: path.device })
  try {
    applyPath(fd, family, path)
    for (const [option, value] of Object.entries(options)) setOption(fd, option, value, path.device)
    if (path.localAddress !== undefined || port !== undefined) bindTo(fd, family, type, path, port ?? 0)
    return fd
  } catch (error) {
    addon().close(fd)
    throw error
  }
}

function applyPath(fd: number, family: 4 | 6, { device, mark, tos }: PathOptions): void {
  if (device !== undefined) bindToDevice(fd, device)
  if (mark !== undefined) {
    const errno = trySetOption(fd, 'SO_MARK', mark)
    if (errno < 0)
      throw systemError(errno, 'setsockopt(SO_MARK)', {
        hint: 'a mark needs CAP_NET_RAW (before Linux 5.17 CAP_NET_ADMIN): "netvia doctor" shows how to get it',
      })
  }
  if (tos !== undefined) setOption(fd, family === 4 ? 'IP_TOS' : 'IPV6_TCLASS', tos)
}

/**
 * Binds to the device and reads it back. Throws ENODEV with the existing devices, or EPERM with ways to get permission. Never
 * continues unbound.
 */
export function bindToDevice(fd: number, device: string): void {
  const errno = trySetOption(fd, 'SO_BINDTODEVICE', `${device}\0`)
  if (errno < 0) throw deviceError(errno, 'setsockopt(SO_BINDTODEVICE)', device)
  verifyDevice(fd, device)
}

/** Throws unless the descriptor is bound to this device now. A deleted device reads as ENODEV. */
export function verifyDevice(fd: number, device: string): void {
  let bound: string
  try {
    bound = boundDevice(fd)
  } catch (error) {
    throw deviceError((error as NetviaError).errno!, 'getsockopt(SO_BINDTODEVICE)', device)
  }
  // A device can be renamed while sockets are bound to it.
  if (bound !== '' && bound !== device) throw deviceError(-ENODEV, 'getsockopt(SO_BINDTODEVICE)', device)
  if (bound !== device) {
    throw new NetviaError(
      `the socket is bound to device ${JSON.stringify(bound)} instead of ${JSON.stringify(device)}`,
      {
        code: 'ERR_DEVICE_NOT_BOUND',
        device,
      },
    )
  }
}

/** Buffer for a device name, reused because HTTP agents check every request. */
const boundName = Buffer.alloc(16)

/** Name of the device a descriptor is bound to; '' for none. */
export function boundDevice(fd: number): string {
  const length = tryReadOption(fd, 'SO_BINDTODEVICE', boundName)
  if (length === -EINVAL || length === -ENOPROTOOPT) return boundByIndex(fd)
  if (length < 0) throw systemError(length, 'getsockopt(SO_BINDTODEVICE)')
  // The name includes its final NUL.
  return boundName.toString('utf8', 0, Math.max(0, length - 1))
}

/** Falls back to the index where the name can't be read (qemu-user). */
function boundByIndex(fd: number): string {
  const index = getOption(fd, 'SO_BINDTOIFINDEX')
  if (index === 0) return ''
  const name = addon().deviceName(index)
  if (typeof name === 'number') throw systemError(-ENODEV, 'getsockopt(SO_BINDTOIFINDEX)')
  return name
}

function deviceError(errno: number, syscall: string, device: string): NetviaError {
  const error = systemError(errno, syscall, { device })
  if (error.code === 'ENODEV') {
    return systemError(errno, syscall, { device, hint: `the devices here are ${deviceNames().join(', ')}` })
  }
  if (error.code === 'EPERM') {
    return systemError(errno, syscall, {
      device,
      hint: 'binding to a device needs Linux 5.7 or newer, or CAP_NET_RAW: "netvia doctor" shows how to get it',
    })
  }
  return error
}

function deviceNames(): string[] {
  try {
    return readdirSync('/sys/class/net').sort()
  } catch {
    return Object.keys(networkInterfaces())
  }
}

function bindTo(fd: number, family: 4 | 6, type: SocketType, path: PathOptions, port: number): void {
  const address = path.localAddress ?? (family === 4 ? '0.0.0.0' : '::')
  if (familyOf(address) !== family) {
    throw new NetviaError(`localAddress ${address} is not an IPv${family} address`, {
      code: 'ERR_ADDRESS_FAMILY',
      address,
      hint: `the other end is IPv${family}: give an IPv${family} localAddress, or family: ${familyOf(address)}`,
    })
  }
  // Without this, a bound client takes its port at bind, from one pool for all destinations (ip(7)).
  if (type === 'stream' && port === 0) trySetOption(fd, 'IP_BIND_ADDRESS_NO_PORT', 1)
  const errno = addon().bind(fd, onLink(encodeAddress(address, port), path.device))
  if (errno >= 0) return
  const { device } = path
  const nowhere = device
    ? `device ${device} does not have this address; it has ${addressesOf(device, family)}`
    : 'no device here has this address'
  const hint = errno === -EADDRNOTAVAIL ? nowhere : errno === -EACCES ? lowPortHint(port) : undefined
  throw systemError(errno, 'bind', { address, port: port || undefined, device, hint })
}

/** The kernel refuses a bind with EACCES for the port alone (ip(7)). */
function lowPortHint(port: number): string {
  return (
    `port ${port} needs CAP_NET_BIND_SERVICE, or "sysctl -w net.ipv4.ip_unprivileged_port_start=${port}"; ` +
    '"netvia doctor" shows how to get the capability'
  )
}

function addressesOf(device: string, family: 4 | 6): string {
  const own = (networkInterfaces()[device] ?? []).filter(item => item.family === `IPv${family}`)
  const texts = own.map(({ address }) => (/^fe[89ab]/i.test(address) ? `${address}%${device}` : address))
  return texts.join(', ') || `no IPv${family} address`
}
