import { constants } from 'node:os'
import { systemError } from '../../errors.js'
import { checkOptions, deviceName, oneOf, signalCheck } from '../../options.js'
import { devicesHint } from '../../sockets/open.js'
import type { DeviceAddress } from '../netlink/link-address.js'
import { readAddresses, readDefaultRoutes, readLinks } from '../netlink/tables.js'
import { assembleDevices } from './assemble.js'
import type { Device } from './device.js'

/** Options of `devices`, `device`, `deviceAddress` and `watchDevices`. */
export interface DevicesOptions {
  /** Aborts the call: it rejects with `signal.reason` immediately. */
  signal?: AbortSignal
}

export const devicesSchema = { signal: signalCheck }

/** Scopes of addresses that identify the device, best first. Link-local addresses are useless without their zone. */
const scopeOrder = ['global', 'site', 'host']

/**
 * Lists this machine's network devices by index, with addresses, gateways and counters. It reads them from the kernel over
 * netlink (rtnetlink(7), RFC 3549), which needs no privileges.
 *
 * @throws NetviaError if netlink is refused (a seccomp filter); `signal.reason` when aborted.
 */
export async function devices(options: DevicesOptions = {}): Promise<Device[]> {
  const { signal } = checkOptions('devices', options, devicesSchema)
  signal?.throwIfAborted()
  const defaultRoutes = await readDefaultRoutes(signal)
  return assembleDevices(readLinks(), readAddresses(), defaultRoutes)
}

/**
 * Returns one network device by name.
 *
 * @throws NetviaError `ENODEV` if the device doesn't exist (the hint lists those that do); `signal.reason` when aborted.
 */
export async function device(name: string, options: DevicesOptions = {}): Promise<Device> {
  deviceName(name, 'device: name')
  const all = await devices(checkOptions('device', options, devicesSchema))
  const found = all.find(candidate => candidate.name === name)
  if (found) return found
  const hint = devicesHint(
    name,
    all.map(candidate => candidate.name),
  )
  throw systemError(-constants.errno.ENODEV, 'rtnetlink', { device: name, hint })
}

/**
 * Returns the address of a device to bind to, for the `localAddress` of other calls. It is the device's first global address,
 * preferring main ones to secondary or deprecated ones; on `lo` it is the loopback address. A source address does not choose
 * the outgoing device. Use `device` for that.
 *
 * @param family 4 (the default) or 6.
 *
 * @throws NetviaError `ENODEV` if the device doesn't exist; `EADDRNOTAVAIL` if it has no such address; `signal.reason` when
 * aborted.
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
