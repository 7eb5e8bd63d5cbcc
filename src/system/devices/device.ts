import type { DeviceCounters } from '../netlink/link.js'
import type { DeviceAddress } from '../netlink/link-address.js'

/** A network device of this machine, as the kernel tells it (rtnetlink(7)). */
export interface Device {
  /** Such as `eth0`; 15 bytes at most. */
  readonly name: string
  /** Of this very device: one made again under the same name has another. */
  readonly index: number
  /** `physical`, `loopback`, or the kind of a virtual one: `vlan`, `bridge`, `wireguard`, `ppp`, `veth`, … */
  readonly kind: string
  /** Switched on. */
  readonly up: boolean
  /** Switched on and able to carry packets; false with the cable pulled. */
  readonly running: boolean
  /** In bytes. */
  readonly mtu: number
  /** Of Ethernet-like devices. */
  readonly mac?: string
  /** Its IPv4 and IPv6 addresses. */
  readonly addresses: readonly DeviceAddress[]
  /** IPv4 gateway of its default route, of the one with the lowest metric where it has several; undefined without a gateway. */
  readonly gateway4?: string
  /** The same for IPv6. */
  readonly gateway6?: string
  /** Name of the bridge, bond or VRF it belongs to. */
  readonly master?: string
  /** What it has carried since it was made. */
  readonly counters: DeviceCounters
}
