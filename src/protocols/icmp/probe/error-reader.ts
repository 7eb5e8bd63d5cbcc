import { addon, Field } from '../../../binding/addon.js'
import type { Packet } from '../../../sockets/receive-buffer.js'
import { isBeforeQueue, stampOf, type Timestamps } from '../socket/timestamps.js'
import { isAdvice } from './error-outcome.js'
import { type ProbeTable, State } from './probe-table.js'
import { sameHost } from './source-check.js'

const headerLength = 8

/** Devices whose driver has been seen to timestamp outgoing packets. Not all do. */
const stampingDevices = new Set<string>()
/** Whether this kernel has stamped a packet before a queue: it then does so for every device. */
const stampsBeforeQueue = { seen: false }

/** An ICMP error about a probe. */
export interface ProbeError {
  probe: number
  receivedStamp: number
  ttl: number
  type: number
  code: number
  mtu: number
  from: Uint8Array
  quoted: Uint8Array
}

export interface ReaderSettings {
  family: 4 | 6
  kind: 'datagram' | 'raw'
  identifier: number
  device: string | undefined
  /** May send to broadcast addresses, where other hosts answer. */
  broadcast: boolean
}

/** Reads the error queue: send timestamps, and ICMP errors about probes, which it keeps until they are taken. */
export class ErrorReader {
  /** MTU from the last send that was too large for the device or the path. */
  localMtu = 0
  #errors: ProbeError[] = []
  readonly #settings: ReaderSettings
  readonly #table: ProbeTable
  readonly #stamps: Timestamps<number>

  constructor(settings: ReaderSettings, table: ProbeTable, stamps: Timestamps<number>) {
    this.#settings = settings
    this.#table = table
    this.#stamps = stamps
  }

  /** The kernel has accepted a probe whose send is timestamped. `wall`: the time before. `readQueue`: reads the error queue. */
  sent(probe: number, wall: number, readQueue: () => void): void {
    const { sentStamps, leftStamps, stampIds } = this.#table
    sentStamps[probe] = Number.NaN
    leftStamps[probe] = Number.NaN
    stampIds[probe] = -1
    if (this.#stamps.inDoubt) this.#stamps.sentInDoubt(probe, wall, readQueue)
    else stampIds[probe] = this.#stamps.sent(probe)
  }

  /** The kernel's send time before the device's queue, in milliseconds of the wall clock; NaN if missing. */
  sentStamp(probe: number): number {
    return this.#stamps.sends ? this.#table.sentStamps[probe]! : Number.NaN
  }

  /** The kernel's send time after the device's queue; NaN if missing. */
  leftStamp(probe: number): number {
    return this.#stamps.sends ? this.#table.leftStamps[probe]! : Number.NaN
  }

  /** Whether the send timestamp is missing that every packet gets when it reaches a device. The packet reached none. */
  neverQueued(probe: number): boolean {
    return this.#isTraced(probe) && stampsBeforeQueue.seen && Number.isNaN(this.sentStamp(probe))
  }

  /** Whether the packet entered the queue of a device that timestamps outgoing packets, and hasn't left it. */
  neverLeftQueue(probe: number): boolean {
    const { device } = this.#settings
    const isStamping = device !== undefined && stampingDevices.has(device)
    return isStamping && this.#isTraced(probe) && Number.isNaN(this.leftStamp(probe))
  }

  #isTraced(probe: number): boolean {
    return this.#stamps.sends && this.#table.stampIds[probe]! >= 0
  }

  readonly read = (packet: Packet): void => {
    const origin = packet.field(Field.errorOrigin)
    const { SO_EE_ORIGIN_TIMESTAMPING, SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 } = addon().constants
    if (origin === SO_EE_ORIGIN_TIMESTAMPING) this.#onStamp(packet)
    else if (origin === SO_EE_ORIGIN_LOCAL) this.localMtu = packet.unsigned(Field.errorInfo)
    else if (origin === SO_EE_ORIGIN_ICMP || origin === SO_EE_ORIGIN_ICMP6) this.#onIcmpError(packet)
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0
  }

  take(): ProbeError[] {
    const errors = this.#errors
    this.#errors = []
    return errors
  }

  #onStamp(packet: Packet): void {
    const stamp = stampOf(packet)
    const id = packet.unsigned(Field.errorData)
    const { sentStamps, leftStamps, stampIds } = this.#table
    let probe = this.#stamps.take(id, stamp)
    if (probe !== undefined && stampIds[probe] === -1) stampIds[probe] = id
    // The place may belong to another probe by now.
    if (probe !== undefined && stampIds[probe] !== id) probe = undefined
    if (isBeforeQueue(packet)) {
      stampsBeforeQueue.seen = true
      // A device on top of another queues the packet twice. The first timestamp counts.
      if (probe !== undefined && Number.isNaN(sentStamps[probe]!)) sentStamps[probe] = stamp
    } else {
      if (probe !== undefined) leftStamps[probe] = stamp
      if (this.#settings.device !== undefined) stampingDevices.add(this.#settings.device)
    }
  }

  /** The quote starts at the request's ICMP header. The address is the request's target. */
  #onIcmpError(packet: Packet): void {
    const { family, kind, identifier } = this.#settings
    const quoted = packet.data
    const type = packet.field(Field.errorType)
    if (isAdvice(family, type)) return
    if (quoted.length < headerLength || (kind === 'raw' && word(quoted, 4) !== identifier)) return
    const probe = this.#table.probeOf(word(quoted, 6))
    if (this.#table.state[probe] !== State.sent) return
    if (!sameHost(packet.address, this.#table.targetOf(probe), family)) return
    if (!this.#isOurs(probe, quoted)) return
    this.#errors.push({
      probe,
      receivedStamp: stampOf(packet),
      ttl: packet.field(Field.ttl),
      type,
      code: packet.field(Field.errorCode),
      mtu: packet.unsigned(Field.errorInfo),
      from: packet.offender.slice(),
      quoted: quoted.slice(),
    })
  }

  /** Without a cookie there are only 65,536 checksums to guess, so each probe allows one attempt. */
  #isOurs(probe: number, quoted: Uint8Array): boolean {
    const { cookies, doubted } = this.#table
    const { template } = this.#table.request(probe)
    const isCut = quoted.length < template.provenLength
    if (isCut && doubted[probe] === 1) return false
    const isOwn = template.isRequest(quoted, cookies[2 * probe]!, cookies[2 * probe + 1]!)
    if (isCut && !isOwn) doubted[probe] = 1
    return isOwn
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
