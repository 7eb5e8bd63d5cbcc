import { readFileSync } from 'node:fs'
import { networkInterfaces, constants as system } from 'node:os'
import { addon, Step } from '../binding/addon.js'
import { NetviaError, systemError } from '../errors.js'
import type { PathOptions } from '../options.js'
import { addressFamily, encodeAddress, familyOf } from './address.js'
import { getOption, optionNumbers, tryReadOption, trySetOption } from './options.js'
import { onLink } from './zone.js'

const { EACCES, EADDRNOTAVAIL, EINVAL, ENODEV, ENOPROTOOPT, EPERM } = system.errno

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
  return open({ family, type, protocol, path, port, options }).fd
}

/** Whether the kernel has no sockets of that family, as one without IPv6. */
export function isWithoutFamily(error: unknown): error is NetviaError {
  return error instanceof NetviaError && error.code === 'EAFNOSUPPORT'
}

export interface Opening {
  readonly family: 4 | 6
  readonly type: SocketType
  readonly protocol: number
  readonly path: PathOptions
  readonly port?: number
  readonly options?: Readonly<Record<string, number>>
  /** The socket address to connect to. */
  readonly to?: Uint8Array
}

const none = new Uint8Array(0)
/** For the socket address to connect to: an array that the addon sees for the first time gets memory outside the heap. */
const room = { 4: new Uint8Array(16), 6: new Uint8Array(28) }

/** The descriptor, which the caller owns, and the errno of connect(2). */
export function open(opening: Opening): { fd: number; errno: number } {
  const { family, path } = opening
  if (opening.to) room[family].set(opening.to)
  const to = opening.to ? room[family] : none
  const { device } = path
  const source = sourceOf(opening)
  const plan = planOf(opening)
  const fd = addon().open(plan, device === undefined ? none : nameBytes(device), source, to)
  if (fd < 0) throw systemError(fd, 'socket', { device })
  const [step, errno] = [plan[0]!, plan[1]!]
  if (step === Step.done || step === Step.connect) return { fd, errno }
  try {
    if (step === Step.device) throw deviceError(errno, 'setsockopt(SO_BINDTODEVICE)', device!)
    if (step === Step.readBack) throw notBound(fd, device!, errno)
    if (step === Step.bind) throw bindError(errno, opening)
    throw settingError(errno, planned[step - Step.option]!, opening)
  } finally {
    addon().close(fd)
  }
}

/** Seconds that a closed socket waits for the other end's end: the kernel's maximum (TCP_FIN_TIMEOUT_MAX). */
const longestLinger = 120

/**
 * The options that the current plan sets: their count, their names in order, and four numbers for each. All plans reuse these
 * arrays. Plans of the same length share one array too.
 */
let size = 0
const planned: string[] = []
const numbers: number[] = []
const plans: Int32Array[] = []

function planOf({ family, type, protocol, path, port, options }: Opening): Int32Array {
  const { device, mark, tos, localAddress } = path
  size = 0
  if (mark !== undefined) set('SO_MARK', mark)
  if (tos !== undefined) set(family === 4 ? 'IP_TOS' : 'IPV6_TCLASS', tos)
  for (const option in options) if (Object.hasOwn(options, option)) set(option, options[option]!)
  // While a closed socket waits, Linux replaces it by a small one, whose IPv6 packets follow the routes instead of the binding. With
  // more than a minute to wait, the socket itself remains until only a minute is left.
  if (type === 'stream' && family === 6 && device !== undefined) set('TCP_LINGER2', longestLinger, true)
  // Without this, a bound client takes its port at bind, from one pool for all destinations (ip(7)).
  if (type === 'stream' && !port && (localAddress ?? port) !== undefined) set('IP_BIND_ADDRESS_NO_PORT', 1, true)
  plans[size] ??= new Int32Array(3 + 4 * size)
  const plan = plans[size]!
  plan[0] = addressFamily(family)
  plan[1] = addon().constants[kinds[type]]!
  plan[2] = protocol
  for (let i = 0; i < 4 * size; i++) plan[3 + i] = numbers[i]!
  return plan
}

/** Plans an option. The kernel may lack a dispensable one. */
function set(option: string, value: number, dispensable = false): void {
  const [level, name] = optionNumbers(option)
  const at = 4 * size
  planned[size++] = option
  numbers[at] = level
  numbers[at + 1] = name
  numbers[at + 2] = value
  numbers[at + 3] = Number(dispensable)
}

const kinds = { stream: 'SOCK_STREAM', datagram: 'SOCK_DGRAM', raw: 'SOCK_RAW' } as const

/** The last name, because calls in a row tend to be for one device. */
let lastName: string | undefined
let lastNameBytes = none

function nameBytes(device: string): Uint8Array {
  if (device !== lastName) [lastName, lastNameBytes] = [device, Buffer.from(`${device}\0`)]
  return lastNameBytes
}

/** What socket(7) says of the options that need a capability. */
const privileged: Readonly<Record<string, string>> = {
  SO_MARK: 'a mark needs CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17',
  SO_PRIORITY: 'a priority other than 0 to 6 needs CAP_NET_ADMIN',
  SO_RCVBUFFORCE: 'SO_RCVBUFFORCE needs CAP_NET_ADMIN',
  SO_SNDBUFFORCE: 'SO_SNDBUFFORCE needs CAP_NET_ADMIN',
  SO_BUSY_POLL: 'raising SO_BUSY_POLL needs CAP_NET_ADMIN',
}

function settingError(errno: number, option: string, { path, options }: Opening): NetviaError {
  const need = errno === -EPERM ? privileged[option] : undefined
  const hint = need && `${need}: "netvia doctor" shows how to get it`
  const device = options?.[option] === undefined ? undefined : path.device
  return systemError(errno, `setsockopt(${option})`, { device, hint })
}

/**
 * Binds to the device and reads it back. Throws ENODEV with the existing devices, or EPERM with ways to get permission. Never
 * continues unbound.
 */
export function bindToDevice(fd: number, device: string): void {
  const errno = trySetOption(fd, 'SO_BINDTODEVICE', nameBytes(device))
  if (errno < 0) throw deviceError(errno, 'setsockopt(SO_BINDTODEVICE)', device)
  verifyDevice(fd, device)
}

/** Throws unless the descriptor is bound to this device now. A deleted device reads as ENODEV. */
export function verifyDevice(fd: number, device: string): void {
  if (isBoundTo(fd, nameBytes(device))) return
  let bound: string
  try {
    bound = boundDevice(fd)
  } catch (error) {
    throw deviceError((error as NetviaError).errno!, 'getsockopt(SO_BINDTODEVICE)', device)
  }
  if (bound !== device) throw otherDevice(bound, device)
}

/** Compares the bytes, because a text of the name costs more than the system call. */
function isBoundTo(fd: number, name: Uint8Array): boolean {
  if (tryReadOption(fd, 'SO_BINDTODEVICE', boundName) !== name.length) return false
  for (let i = 0; i < name.length; i++) if (boundName[i] !== name[i]) return false
  return true
}

/** The error for a binding that could not be read (`errno`) or is not to this device. */
function notBound(fd: number, device: string, errno: number): NetviaError {
  return errno < 0 ? deviceError(errno, 'getsockopt(SO_BINDTODEVICE)', device) : otherDevice(boundDevice(fd), device)
}

function otherDevice(bound: string, device: string): NetviaError {
  // A device can be renamed while sockets are bound to it.
  if (bound !== '') return deviceError(-ENODEV, 'getsockopt(SO_BINDTODEVICE)', device)
  return new NetviaError(
    `the socket is bound to device ${JSON.stringify(bound)} instead of ${JSON.stringify(device)}`,
    { code: 'ERR_DEVICE_NOT_BOUND', device },
  )
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
    return systemError(errno, syscall, { device, hint: devicesHint(device) })
  }
  if (error.code === 'EPERM') {
    return systemError(errno, syscall, {
      device,
      hint: 'binding to a device needs Linux 5.7 or newer, or CAP_NET_RAW: "netvia doctor" shows how to get it',
    })
  }
  return error
}

/**
 * What to write in place of a name that is no device's. Linux also accepts alternative names (`ip link property add dev wan2
 * altname …`), but only reports the main one, so a binding to another could not be read back.
 */
export function devicesHint(device: string, names = deviceNames()): string {
  const main = addon().deviceName(Math.max(addon().deviceIndex(device), 0))
  if (typeof main === 'string' && main !== device) return `${device} is an alternative name of ${main}: write ${main}`
  return `the devices here are ${names.join(', ')}`
}

/** From /proc, because /sys may show another network namespace (`nsenter --net`). Two lines are a heading (proc_pid_net(5)). */
function deviceNames(): string[] {
  try {
    const lines = readFileSync('/proc/net/dev', 'utf8').trim().split('\n').slice(2)
    return lines.map(line => line.split(':')[0]!.trim()).sort()
  } catch {
    return Object.keys(networkInterfaces())
  }
}

/** The socket address to bind to; empty if the kernel may choose everything. */
function sourceOf({ family, path, port }: Opening): Uint8Array {
  const { localAddress, device } = path
  if (localAddress === undefined && port === undefined) return none
  const address = localAddress ?? anyAddress[family]
  if (familyOf(address) !== family) {
    throw new NetviaError(`localAddress ${address} is not an IPv${family} address`, {
      code: 'ERR_ADDRESS_FAMILY',
      address,
      hint: `the other end is IPv${family}: give an IPv${family} localAddress, or family: ${familyOf(address)}`,
    })
  }
  return onLink(encodeAddress(address, port), device)
}

const anyAddress = { 4: '0.0.0.0', 6: '::' } as const

function bindError(errno: number, { family, path, port = 0 }: Opening): NetviaError {
  const { device, localAddress } = path
  const nowhere = device
    ? `device ${device} does not have this address; it has ${addressesOf(device, family)}`
    : 'no device here has this address'
  const hint = errno === -EADDRNOTAVAIL ? nowhere : errno === -EACCES ? lowPortHint(port) : undefined
  const address = localAddress ?? anyAddress[family]
  return systemError(errno, 'bind', { address, port: port || undefined, device, hint })
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
