import { addon, Field } from '../../binding/addon.js'
import { nodeCrypto } from '../../builtins.js'
import { SendBatch } from '../../sockets/send-batch.js'
import { setFragmentation } from '../icmp/socket/open-icmp-descriptor.js'
import { stampOf, Timestamps } from '../icmp/socket/timestamps.js'
import { type ProbeOrder, SocketProbe } from './socket-probe.js'

const cookieLength = 8
const unaddressed = new Uint8Array(0)
/** A send first reports what has come for an earlier probe of the flow: a late answer, or a second one. */
const attempts = 3

/** A datagram to a port where nobody should listen. The target reports that (RFC 1122 section 4.1.3.1), or answers. */
export class UdpProbe extends SocketProbe {
  protected override readonly syscall = 'sendmsg'
  protected override readonly kind = 'datagram'
  readonly #payload: Uint8Array

  constructor(order: ProbeOrder, target: Uint8Array, payloadSize: number) {
    super(order, target)
    this.#payload = new Uint8Array(payloadSize)
    this.#payload.set(nodeCrypto().randomBytes(Math.min(payloadSize, cookieLength)))
  }

  protected override prepare(fd: number): void {
    setFragmentation(fd, this.order.family, false)
    this.stamps = new Timestamps(fd, true)
  }

  protected override launch(fd: number): number {
    const errno = addon().connect(fd, this.target)
    if (errno < 0) return errno
    const batch = new SendBatch(this.#payload.length)
    batch.add(this.#payload, unaddressed)
    let sent = batch.send(fd)
    for (let i = 1; i < attempts && sent < 0; i++) {
      this.readErrors()
      sent = batch.send(fd)
    }
    if (sent > 0) this.stamps!.sent(this)
    return Math.min(sent, 0)
  }

  protected override readAnswer(): void {
    let stamp: number | undefined
    this.socket!.receive(packet => {
      stamp ??= stampOf(packet)
      this.bytes = packet.field(Field.length)
      this.ttl = packet.field(Field.ttl)
    })
    if (stamp === undefined) return
    // Once the answer is read, the send timestamp is certain to be in the error queue.
    this.readErrors()
    this.from = this.target
    this.time(stamp)
    this.settle('reply')
  }

  /** A quote may be cut anywhere after the UDP header. */
  protected override isOwn(quoted: Uint8Array): boolean {
    const length = Math.min(cookieLength, quoted.length, this.#payload.length)
    return Buffer.compare(quoted.subarray(0, length), this.#payload.subarray(0, length)) === 0
  }
}
