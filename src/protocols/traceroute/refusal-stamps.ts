import { addon } from '../../binding/addon.js'
import type { PathOptions } from '../../options.js'
import { openDescriptor } from '../../sockets/open.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { sameHost } from '../icmp/probe/source-check.js'
import { filterResets } from '../icmp/socket/socket-filter.js'
import { stampOf, Timestamps } from '../icmp/socket/timestamps.js'

const IPPROTO_TCP = 6

interface Expected {
  since: number
  arrivals: number[]
}

/**
 * Records when refusals of connections arrived. A refused TCP socket doesn't report the time. A raw socket gets a copy of
 * the reset with the kernel's timestamp, before the TCP socket does. It needs CAP_NET_RAW.
 */
export class RefusalStamps {
  readonly #family: 4 | 6
  readonly #target: Uint8Array
  readonly #socket: PacketSocket
  /** By local port. */
  readonly #expected = new Map<number, Expected>()

  /** Undefined without permission, or if it can't be opened. The probes then use the event loop's time. */
  static open(family: 4 | 6, target: Uint8Array, path: PathOptions): RefusalStamps | undefined {
    try {
      return new RefusalStamps(family, target, path)
    } catch {
      return undefined
    }
  }

  private constructor(family: 4 | 6, target: Uint8Array, path: PathOptions) {
    this.#family = family
    this.#target = target
    const fd = openDescriptor(family, 'raw', IPPROTO_TCP, path)
    try {
      filterResets(fd, family, (target[2]! << 8) | target[3]!)
      new Timestamps(fd, false)
    } catch (error) {
      addon().close(fd)
      throw error
    }
    this.#socket = new PacketSocket(fd, { readable() {} }, 128, false)
  }

  /** Call it after `connect`. `since`: wall clock in milliseconds before that. */
  expect(port: number, since: number): void {
    this.#expected.set(port, { since, arrivals: [] })
  }

  /**
   * Arrival of the refusal in milliseconds of the wall clock. NaN if it is unknown, or if several resets came: only the TCP
   * socket knows which one was not forged.
   */
  arrival(port: number): number {
    while (!this.#socket.closed && this.#socket.receive(this.#onReset) > 0);
    const arrivals = this.#expected.get(port)?.arrivals ?? []
    return arrivals.length === 1 ? arrivals[0]! : Number.NaN
  }

  forget(port: number): void {
    this.#expected.delete(port)
  }

  close(): void {
    this.#socket.close()
  }

  readonly #onReset = (packet: Packet): void => {
    if (!sameHost(packet.address, this.#target, this.#family)) return
    // Raw IPv4 sockets see the IP header, raw IPv6 sockets don't.
    const at = this.#family === 4 ? (packet.data[0]! & 15) * 4 : 0
    const port = (packet.data[at + 2]! << 8) | packet.data[at + 3]!
    const stamp = stampOf(packet)
    const expected = this.#expected.get(port)
    if (expected && stamp >= expected.since && expected.arrivals.length < 2) expected.arrivals.push(stamp)
  }
}
