import { isIPv6 } from '../../builtins.js'
import { checkOptions, deviceName } from '../../options.js'
import type { NeighbourState } from '../netlink/neighbour.js'
import { readLinks, readNeighbours } from '../netlink/tables.js'
import { type DevicesOptions, device, devicesSchema } from './devices.js'

/** Options of `neighbours`. */
export interface NeighboursOptions extends DevicesOptions {
  /** Only those on this network device. Default: all devices. */
  device?: string
}

/** A host on a link, as ARP (RFC 826) or neighbour discovery (RFC 4861) knows it: arp(7), `ip neighbour`. */
export interface Neighbour {
  /** IPv4 or IPv6 address. */
  readonly address: string
  /** 4 or 6. */
  readonly family: 4 | 6
  /** Name of the network device it is on. */
  readonly device: string
  /** MAC address; undefined while it isn't known, and on links without Ethernet addresses. */
  readonly mac?: string
  /**
   * `reachable`: answered recently. `stale`, `delay`, `probe`: answered once, and is asked again when used. `incomplete`: being
   * asked for the first time. `failed`: doesn't answer. `permanent`: set by an administrator.
   */
  readonly state: Exclude<NeighbourState, 'none' | 'noarp'>
  /** Whether it has announced itself as a router; IPv6 only. */
  readonly router: boolean
  /** Milliseconds since its state last changed, with a resolution of 10 ms. */
  readonly changedMs: number
}

const neighboursSchema = { ...devicesSchema, device: deviceName }

/**
 * Lists the hosts on this machine's links that the kernel knows by ARP or neighbour discovery. It reads them over netlink
 * (rtnetlink(7)), which sends no packet and needs no privileges. A host that this machine hasn't talked to for some minutes is
 * not in the list: sweep the subnet first to find all.
 *
 * @throws NetviaError `ENODEV` if the device doesn't exist; `signal.reason` when aborted.
 */
export async function neighbours(given: NeighboursOptions = {}): Promise<Neighbour[]> {
  const { device: name, signal } = checkOptions('neighbours', given, neighboursSchema)
  signal?.throwIfAborted()
  const index = name === undefined ? undefined : (await device(name, { signal })).index
  const messages = await readNeighbours(signal)
  const names = new Map(readLinks().map(link => [link.index, link.name]))
  return messages.flatMap(({ address, deviceIndex, state, mac, router, changedMs }) => {
    const on = names.get(deviceIndex)
    // Entries without ARP are made for multicast and loopback addresses: nobody has answered for them.
    if (on === undefined || state === undefined || state === 'none' || state === 'noarp') return []
    if (index !== undefined && deviceIndex !== index) return []
    return [{ address, family: isIPv6(address) ? 6 : 4, device: on, mac, state, router, changedMs }]
  })
}
