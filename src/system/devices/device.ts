import type { DeviceCounters } from '../netlink/link.js'
import type { DeviceAddress } from '../netlink/link-address.js'

/** A network device of this machine, as the kernel reports it (rtnetlink(7)). */
export interface Device {
  /** Name such as `eth0`, at most 15 bytes. */
  readonly name: string
  /** Index of this very device. A device created again under the same name has another. */
  readonly index: number
  /** `physical`, `loopback`, or the kind of a virtual one: `vlan`, `bridge`, `wireguard`, `ppp`, `veth`, … */
  readonly kind: string
  /** Whether it is switched on. */
  readonly up: boolean
  /** Whether it is switched on and can carry packets; false with the cable unplugged. */
  readonly running: boolean
  /** MTU in bytes. */
  readonly mtu: number
  /** MAC address, for Ethernet-like devices. */
  readonly mac?: string
  /** Its IPv4 and IPv6 addresses. */
  readonly addresses: readonly DeviceAddress[]
  /** IPv4 gateway of its default route; undefined without one. Of several routes, the one with the lowest metric counts. */
  readonly gateway4?: string
  /** IPv6 gateway of its default route, likewise. */
  readonly gateway6?: string
  /** Name of the bridge, bond or VRF it belongs to. */
  readonly master?: string
  /** Packets and bytes since it was created. */
  readonly counters: DeviceCounters
}
