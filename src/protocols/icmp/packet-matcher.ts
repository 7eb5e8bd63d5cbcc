import { addon, Field } from '../../binding/addon.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import type { ChannelSettings } from './channel.js'
import type { Probe } from './probe.js'
import type { SequenceTable } from './sequence-table.js'
import { sameHost } from './source-check.js'
import { stampOf, type Timestamps } from './timestamps.js'

const headerLength = 8

/** Devices whose driver is known to stamp what it sends: not all do. */
export const stampingDevices = new Set<string>()

/** Finds the probe that a received packet is about, and notes on it what came. Judging is left for when all is read. */
export class PacketMatcher {
  readonly answered: Probe[] = []
  readonly repeated: Probe[] = []
  /** Probes that an ICMP error is about. */
  readonly failed: Probe[] = []
  /** Of the last send that was too large for the device or the path. */
  localMtu = 0
  drops = 0
  readonly #settings: ChannelSettings
  readonly #table: SequenceTable
  readonly #stamps: Timestamps

  constructor(settings: ChannelSettings, table: SequenceTable, stamps: Timestamps) {
    this.#settings = settings
    this.#table = table
    this.#stamps = stamps
  }

  readonly onReply = (packet: Packet): void => {
    const { family, kind, identifier } = this.#settings
    const { data } = packet
    this.drops = packet.unsigned(Field.drops)
    const offset = family === 4 && kind === 'raw' ? ((data[0] ?? 0) & 0x0f) * 4 : 0
    if (data.length < offset + headerLength) return
    if (kind === 'raw' && word(data, offset + 4) !== identifier) return
    const probe = this.#table.get(word(data, offset + 6))
    const length = packet.field(Field.length) - offset
    if (!probe?.sent || !probe.template.isReply(data, offset, length, probe.cookie)) return
    if (!sameHost(packet.address, probe.target, family)) return
    if (probe.answered) {
      this.repeated.push(probe)
      return
    }
    // An error has settled it, or nobody waits any more.
    if (probe.outcome !== undefined && !(probe.outcome === 'timeout' && probe.inUse)) return
    probe.answered = true
    probe.receivedStamp = stampOf(packet)
    probe.bytes = length
    probe.ttl = packet.field(Field.ttl)
    probe.type = data[offset]!
    probe.code = data[offset + 1]!
    probe.from = sameHost(packet.address, probe.target, family, true) ? probe.target : packet.address.slice()
    this.answered.push(probe)
  }

  readonly onError = (packet: Packet): void => {
    const origin = packet.field(Field.errorOrigin)
    const { SO_EE_ORIGIN_TIMESTAMPING, SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 } = addon().constants
    if (origin === SO_EE_ORIGIN_TIMESTAMPING) {
      this.#stamps.record(packet.unsigned(Field.errorData), stampOf(packet))
      if (this.#settings.device !== undefined) stampingDevices.add(this.#settings.device)
    }
    if (origin === SO_EE_ORIGIN_LOCAL) this.localMtu = packet.unsigned(Field.errorInfo)
    else if (origin === SO_EE_ORIGIN_ICMP || origin === SO_EE_ORIGIN_ICMP6) this.#onIcmpError(packet)
  }

  /** The quote starts at the request's ICMP header; the address is the one the request was for. */
  #onIcmpError(packet: Packet): void {
    const { family, kind, identifier } = this.#settings
    const quoted = packet.data
    if (quoted.length < headerLength || (kind === 'raw' && word(quoted, 4) !== identifier)) return
    const probe = this.#table.get(word(quoted, 6))
    if (!probe?.sent || probe.outcome !== undefined || probe.answered || probe.quoted) return
    if (!probe.template.isRequest(quoted, probe.cookie) || !sameHost(packet.address, probe.target, family, true)) return
    probe.receivedStamp = stampOf(packet)
    probe.ttl = packet.field(Field.ttl)
    probe.type = packet.field(Field.errorType)
    probe.code = packet.field(Field.errorCode)
    probe.mtu = packet.unsigned(Field.errorInfo)
    probe.from = packet.offender.slice()
    probe.quoted = quoted.slice()
    this.failed.push(probe)
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
