import { constants } from 'node:os'
import { systemError } from '../../errors.js'
import { checkOptions, deviceName, oneOf, signalCheck } from '../../options.js'
import type { DeviceAddress } from '../netlink/link-address.js'
import { readAddresses, readDefaultRoutes, readLinks } from '../netlink/tables.js'
import { assembleDevices } from './assemble.js'
import type { Device } from './device.js'

/** Of `devices`, `device`, `deviceAddress` and `watchDevices`. */
export interface DevicesOptions {
  /** Rejects with `signal.reason` as soon as it fires. */
  signal?: AbortSignal
}

export const devicesSchema = { signal: signalCheck }

/** Addresses that identify the device, best first. A link-local one is of no use without its zone. */
const scopeOrder = ['global', 'site', 'host']

/**
 * The network devices of this machine, by index, with addresses, gateways and counters: read from the kernel over netlink
 * (rtnetlink(7), RFC 3549), no privilege needed.
 *
 * @throws NetviaError when netlink is refused (a seccomp filter); `signal.reason` when aborted.
 */
export async function devices(options: DevicesOptions = {}): Promise<Device[]> {
  const { signal } = checkOptions('devices', options, devicesSchema)
  signal?.throwIfAborted()
  const defaultRoutes = await readDefaultRoutes(signal)
  return assembleDevices(readLinks(), readAddresses(), defaultRoutes)
}

/**
 * One network device by name.
 *
 * @throws NetviaError `ENODEV` no such device: the hint names those that exist; `signal.reason` when aborted.
 */
export async function device(name: string, options: DevicesOptions = {}): Promise<Device> {
  deviceName(name, 'device: name')
  const all = await devices(checkOptions('device', options, devicesSchema))
  const found = all.find(candidate => candidate.name === name)
  if (found) return found
  const names = all.map(candidate => candidate.name).join(', ')
  throw systemError(-constants.errno.ENODEV, 'rtnetlink', { device: name, hint: `the devices here are ${names}` })
}

/**
 * The address of a device to bind to (the `localAddress` of other calls): its first global one, of the main addresses before
 * secondary or deprecated ones; on `lo` the loopback address. A source address does not choose the way out: name the
 * `device` for that.
 *
 * @param family 4 (the default) or 6.
 * @throws NetviaError `ENODEV` no such device; `EADDRNOTAVAIL` it has no such address; `signal.reason` when aborted.
 */
export async function deviceAddress(name: string, family: 4 | 6 = 4, options: DevicesOptions = {}): Promise<string> {
  deviceName(name, 'deviceAddress: name')
  oneOf(4, 6)(family, 'deviceAddress: family')
  const { addresses } = await device(name, checkOptions('deviceAddress', options, devicesSchema))
  const rank = ({ scope, deprecated, secondary }: DeviceAddress) =>
    scopeOrder.indexOf(scope) * 4 + (deprecated ? 2 : 0) + (secondary ? 1 : 0)
  const [best] = addresses
    .filter(address => address.family === family && !address.tentative && scopeOrder.includes(address.scope))
    .sort((a, b) => rank(a) - rank(b))
  if (best) return best.address
  const has = addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(', ')
  throw systemError(-constants.errno.EADDRNOTAVAIL, 'rtnetlink', {
    device: name,
    hint: `the device has no IPv${family} address to use; it has ${has || 'no address at all'}`,
  })
}
