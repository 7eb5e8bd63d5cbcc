import type { TcpConnection } from '../../system/netlink/tcp-connections.js'

/**
 * What traffic says about an uplink. `works`: the other end of a TCP connection, somewhere in the internet, has acknowledged
 * something. `stalled`: connections retransmit and nobody acknowledges. `unanswered`: packets leave and none arrives.
 */
export type Traffic = { says: 'works' } | { says: 'stalled'; rttMs: number } | { says: 'unanswered' }

/** An address of the device: its bytes, and how many of its bits are the network's. */
export interface OwnAddress {
  readonly bytes: Uint8Array
  readonly prefixLength: number
}

/** A device, and its counters since it was created. */
export interface LookedAt {
  readonly index: number
  readonly addresses: readonly OwnAddress[]
  readonly rxPackets: number
  readonly txPackets: number
}

/** After this many timeouts, the other end is more likely to be gone than the line. */
const mostTimeouts = 3
/** Packets and milliseconds without any answer until that is suspicious. */
const unansweredPackets = 3
const unansweredMs = 1000
/** Connections whose routes are looked up at a time. */
const mostLookups = 8

/** Follows the traffic of one device. Callers pass the time. */
export class TrafficJudge {
  /** Whether packets of this connection leave through the device, and not to this machine. */
  readonly #leaves: (connection: TcpConnection, deviceIndex: number) => boolean
  #rxPackets = Number.NaN
  /** Sent when the last packet arrived. */
  #txPackets = 0
  #unansweredSince = Number.NaN

  constructor(leaves: (connection: TcpConnection, deviceIndex: number) => boolean) {
    this.#leaves = leaves
  }

  /** Packets left a moment ago, and none has arrived since. */
  awaits(now: number): boolean {
    return now - this.#unansweredSince < 2 * unansweredMs
  }

  /** `elapsedMs` since the last look. Undefined: it says nothing. */
  judge(device: LookedAt, connections: readonly TcpConnection[], elapsedMs: number, now: number): Traffic | undefined {
    const isUnanswered = this.#isUnanswered(device, now)
    const candidates = connections.filter(connection => isAtHome(connection, device) && !isNear(connection, device))
    const some = (which: (connection: TcpConnection) => boolean) =>
      candidates
        .filter(which)
        .slice(0, mostLookups)
        .find(connection => this.#leaves(connection, device.index))
    if (some(({ lastAckMs }) => lastAckMs <= elapsedMs)) return { says: 'works' }
    const stalled = some(({ timeouts }) => timeouts > 0 && timeouts <= mostTimeouts)
    if (stalled) return { says: 'stalled', rttMs: stalled.rttMs }
    return isUnanswered ? { says: 'unanswered' } : undefined
  }

  #isUnanswered({ rxPackets, txPackets }: LookedAt, now: number): boolean {
    if (rxPackets !== this.#rxPackets) {
      this.#rxPackets = rxPackets
      this.#txPackets = txPackets
      this.#unansweredSince = Number.NaN
    } else if (txPackets > this.#txPackets && Number.isNaN(this.#unansweredSince)) this.#unansweredSince = now
    return txPackets - this.#txPackets >= unansweredPackets && now - this.#unansweredSince >= unansweredMs
  }
}

/** It is bound to the device, or to none and has its address. */
function isAtHome({ deviceIndex, local }: TcpConnection, { index, addresses }: LookedAt): boolean {
  return (
    deviceIndex === index ||
    (deviceIndex === 0 && addresses.some(({ bytes }) => isSame(bytes, local, 8 * bytes.length)))
  )
}

/** The other end may answer although the internet is gone: it is on the link, or in a network of the provider or the modem. */
function isNear({ remote }: TcpConnection, { addresses }: LookedAt): boolean {
  return isPrivate(remote) || addresses.some(({ bytes, prefixLength }) => isSame(bytes, remote, prefixLength))
}

/** Loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) and link-local addresses. */
function isPrivate(address: Uint8Array): boolean {
  const [first, second] = address as Uint8Array & [number, number]
  if (address.length === 16) return first === 0 || first >> 1 === 0x7e || (first === 0xfe && second >= 0x80)
  if (first === 10 || first === 127 || (first === 169 && second === 254) || (first === 192 && second === 168))
    return true
  return (first === 172 && second >> 4 === 1) || (first === 100 && second >> 6 === 1)
}

/** Whether the first bits of two addresses are the same. */
function isSame(one: Uint8Array, other: Uint8Array, bits: number): boolean {
  if (one.length !== other.length) return false
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (one[i] !== other[i]) return false
  return bits % 8 === 0 || (one[whole]! ^ other[whole]!) >> (8 - (bits % 8)) === 0
}
