import { networkInterfaces } from 'node:os'
import { addon } from '../binding/addon.js'
import { isIP } from '../builtins.js'
import { NetviaError } from '../errors.js'
import { canonicalIP } from './ip.js'

/** The error for a call that would leave its socket's path. */
export function offPath(what: string, hint: string, device?: string): NetviaError {
  return new NetviaError(`${what}; ${hint}`, { code: 'ERR_OFF_PATH', device, hint })
}

export function isOffPath(error: unknown): error is NetviaError {
  return error instanceof NetviaError && error.code === 'ERR_OFF_PATH'
}

/**
 * Throws if the zone of an address, a name or an index, is another device. An address without a zone means the socket's device.
 */
export function checkZone(address: string, device: string | undefined): void {
  const zone = zoneOf(address)
  if (zone === undefined || device === undefined || isZoneOf(zone, device)) return
  const hint = `write ${address.replace(/%.*/, '')} or ${address.replace(/%.*/, `%${device}`)}`
  throw offPath(`${address} has the zone of another device than ${device}`, hint, device)
}

/**
 * Whether an interface in the notation of Node's dgram (an address of the device, or any address with its zone) or a name is
 * the device.
 */
export function meansDevice(text: string, device: string): boolean {
  if (text === device || text === '0.0.0.0') return true
  const zone = zoneOf(text)
  if (zone !== undefined) return isZoneOf(zone, device)
  const plain = isIP(text) ? canonicalIP(text) : text
  return plain === '::' || addressesOf(device).includes(plain)
}

function zoneOf(address: string): string | undefined {
  return address.split('%')[1]
}

function isZoneOf(zone: string, device: string): boolean {
  return zone === device || (/^\d+$/.test(zone) && Number(zone) === addon().deviceIndex(device))
}

/** The C library also lists IPv4 addresses under their label (`wan2:1`). */
function addressesOf(device: string): string[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => name === device || name.startsWith(`${device}:`))
    .flatMap(([, addresses = []]) => addresses.map(({ address }) => address))
}
