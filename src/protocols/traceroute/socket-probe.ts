import { addon, Field } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import type { PathOptions } from '../../options.js'
import { clearImmediate, setImmediate } from '../../runtime/timers.js'
import { addressText } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'
import { setOption } from '../../sockets/options.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { deviceDown } from '../../system/device-down.js'
import { isPortUnreachable } from '../icmp/packet/message-types.js'
import { type ClockSample, measure, systemClock, waitInQueue } from '../icmp/probe/clock.js'
import type { Outcome } from '../icmp/probe/echo-request.js'
import { outcomeOfError } from '../icmp/probe/error-outcome.js'
import { ownReport, queueHint } from '../icmp/probe/local-failure.js'
import { sameHost } from '../icmp/probe/source-check.js'
import { isBeforeQueue, stampOf, type Timestamps } from '../icmp/socket/timestamps.js'
import type { TraceProbe } from './prober.js'

export interface ProbeOrder {
  family: 4 | 6
  /** TTL or hop limit. */
  hops: number
  /** Milliseconds. */
  timeout: number
  path: PathOptions
  /** Default: any. Other probes of the same flow may use it too, but not at the same time. */
  sourcePort: number | undefined
  /** As in `Prober`. */
  hiddenBytes: number
  /** Called once, in a later turn than `start`, unless the probe is closed before. */
  settled(probe: TraceProbe): void
}

const icmpHeaderLength = 8

/** A probe with its own descriptor. Errors arrive on its error queue (IP_RECVERR, ip(7)), without privileges. */
export abstract class SocketProbe implements TraceProbe {
  outcome: Outcome | undefined
  sent: ClockSample | undefined
  /** The kernel's timestamps before and after the device's queue. */
  sentStamp = Number.NaN
  leftStamp = Number.NaN
  rttMs = Number.NaN
  queuedMs = Number.NaN
  kernelClock = false
  bytes = 0
  ttl = -1
  type = -1
  code = -1
  mtu = 0
  from: Uint8Array | undefined
  quoted: Uint8Array | undefined
  error: Error | undefined
  protected socket: PacketSocket | undefined
  protected stamps: Timestamps<SocketProbe> | undefined
  /**
   * The kernel has accepted the probe. Before that the poller reports an unconnected descriptor as hung up, which is no
   * answer.
   */
  #launched = false
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  constructor(
    protected readonly order: ProbeOrder,
    readonly target: Uint8Array,
  ) {}

  get sentAt(): number {
    return this.sent?.wall ?? Number.NaN
  }

  protected abstract readonly kind: 'datagram' | 'stream'
  /** Sets the socket options, and requests timestamps. */
  protected abstract prepare(fd: number): void
  /** Sends the probe. Returns 0 or a negative errno. */
  protected abstract launch(fd: number): number
  /** Name of the system call in `launch`, for errors. */
  protected abstract readonly syscall: string
  /** Reads everything except errors. */
  protected abstract readAnswer(): void

  /** Never throws: what can't be sent is reported as `send-failed`. */
  start(): void {
    try {
      const { family, path, sourcePort } = this.order
      const shared: Record<string, number> = sourcePort === undefined ? {} : { SO_REUSEADDR: 1 }
      const fd = openDescriptor(family, this.kind, 0, path, sourcePort, shared)
      this.socket = new PacketSocket(fd, { readable: () => this.read(), writable: () => this.read() })
      this.prepare(fd)
      setOption(fd, this.order.family === 4 ? 'IP_RECVERR' : 'IPV6_RECVERR', 1)
      setOption(fd, this.order.family === 4 ? 'IP_RECVTTL' : 'IPV6_RECVHOPLIMIT', 1)
      setOption(fd, this.order.family === 4 ? 'IP_TTL' : 'IPV6_UNICAST_HOPS', this.order.hops)
      this.sent = now()
      const errno = this.launch(fd)
      if (errno < 0) {
        this.readErrors()
        throw systemError(errno, this.syscall, { device: this.order.path.device, hint: queueHint(errno) })
      }
      this.#launched = true
      this.#timer = setTimeout(() => this.#onTimeout(), this.order.timeout)
    } catch (error) {
      this.#immediate = setImmediate(() => this.fail(error as Error))
    }
  }

  fail(error: Error): void {
    // An answer that was read at the last moment stands.
    if (this.outcome !== undefined) return
    this.error = error
    this.settle('send-failed')
  }

  close(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.socket?.close()
  }

  protected read(): void {
    if (!this.#launched) return
    try {
      if (this.outcome === undefined) this.readErrors()
      if (this.outcome === undefined) this.readAnswer()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  protected settle(outcome: Outcome): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.close()
    this.order.settled(this)
  }

  /** Milliseconds from sending until the answer was read, or until the kernel's time of arrival. */
  protected time(receivedStamp: number, read = now()): void {
    const { rttMs, kernel } = measure({ sent: this.sent!, read, sentStamp: this.sentStamp, receivedStamp })
    this.rttMs = rttMs
    this.queuedMs = kernel ? waitInQueue(this.sentStamp, this.leftStamp, rttMs) : Number.NaN
    this.kernelClock = kernel
  }

  protected readErrors(): void {
    // Reads more than one batch, because a send timestamp or an error may follow each one.
    while (!this.socket!.closed && this.socket!.receive(this.#onError, true) > 0);
  }

  readonly #onError = (packet: Packet): void => {
    const origin = packet.field(Field.errorOrigin)
    const { SO_EE_ORIGIN_TIMESTAMPING, SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 } = addon().constants
    if (origin === SO_EE_ORIGIN_TIMESTAMPING) {
      const stamp = stampOf(packet)
      const isTaken = this.stamps?.take(packet.unsigned(Field.errorData), stamp) !== undefined
      if (isTaken && isBeforeQueue(packet)) this.sentStamp = stamp
      else if (isTaken) this.leftStamp = stamp
    }
    if (origin === SO_EE_ORIGIN_LOCAL) this.mtu = packet.unsigned(Field.errorInfo)
    const isIcmp = origin === SO_EE_ORIGIN_ICMP || origin === SO_EE_ORIGIN_ICMP6
    // Before the launch it is about an earlier probe of the same flow.
    const isOwn = this.#launched && this.outcome === undefined && this.isOwn(packet.data)
    if (isIcmp && isOwn) this.#onIcmpError(packet)
  }

  /** Whether the quote matches the probe. The kernel has compared addresses and ports, and the sequence number for TCP. */
  protected abstract isOwn(quoted: Uint8Array): boolean

  #onIcmpError(packet: Packet): void {
    const { family, path, hiddenBytes } = this.order
    this.type = packet.field(Field.errorType)
    this.code = packet.field(Field.errorCode)
    this.ttl = packet.field(Field.ttl)
    this.mtu = packet.unsigned(Field.errorInfo)
    this.quoted = packet.data.slice()
    const fromTarget = sameHost(packet.offender, this.target, family)
    this.from = fromTarget ? this.target : packet.offender.slice()
    const own = ownReport(family, this, path.device)
    if (own) {
      this.fail(own)
      return
    }
    this.time(stampOf(packet))
    if (fromTarget && isPortUnreachable(family, this)) {
      this.bytes = icmpHeaderLength + hiddenBytes + this.quoted.length
      this.settle('reply')
    } else this.settle(outcomeOfError(family, this.type, this.code))
  }

  /** The event loop may be late although the answer came in time. */
  #onTimeout(): void {
    this.read()
    this.silent()
  }

  protected silent(): void {
    const down = deviceDown('recvmsg', { device: this.order.path.device }, [addressText(this.target)])
    if (down) this.fail(down)
    else this.settle('timeout')
  }
}

export function now(): ClockSample {
  const sample = { wall: 0, monotonic: 0 }
  systemClock.read(sample)
  return sample
}
