import type { NetviaError } from '../errors.js'
import type { SweepTarget } from '../protocols/targets/target-source.js'
import { addressText } from '../sockets/address.js'
import { isOffPath } from '../sockets/off-path.js'
import { targetOnPath } from '../system/this-host.js'
import type { ScanHost } from './host-ring.js'

const ipv4Length = 16

/** A host to scan. `name` is the address if the host has no other. */
export function hostOf(name: string | undefined, address: Uint8Array, device: string | undefined): ScanHost {
  // A copy: the scan writes the port into it.
  const target = targetOnPath(address, device).slice()
  const text = addressText(target)
  const family = target.length === ipv4Length ? 4 : 6
  return { name: name ?? text, address: text, family, target, next: 0, answered: false, unreachable: 0 }
}

/** A host whose ports can't be tried. */
export function unknownHost(name: string, family: 4 | 6, fault: NetviaError): ScanHost {
  return { name, address: '', family, target: new Uint8Array(), next: 0, fault, answered: false, unreachable: 0 }
}

/** One of many hosts: an address that means this host doesn't end the sweep of the others. */
export function sweptHost({ name, address, family }: SweepTarget, device: string | undefined): ScanHost {
  try {
    return hostOf(name, address, device)
  } catch (error) {
    if (!isOffPath(error)) throw error
    return unknownHost(name ?? addressText(address), family, error)
  }
}
