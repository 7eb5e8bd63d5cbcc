import { addon } from '../../binding/addon.js'
import { hold } from '../../binding/poller.js'
import { systemError } from '../../errors.js'
import { verifyDevice } from '../../sockets/open.js'
import { getOption } from '../../sockets/options.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import type { Clock, ClockSample } from './clock.js'
import { measure } from './clock.js'
import { DeadlineQueue } from './deadline-queue.js'
import { outcomeOfError } from './error-outcome.js'
import { isOwnReport, notSent } from './local-failure.js'
import { PacketMatcher, stampingDevices } from './packet-matcher.js'
import type { Probe } from './probe.js'
import { SendQueue } from './send-queue.js'
import { SequenceTable } from './sequence-table.js'
import { silentNextHop } from './silent-next-hop.js'
import { Timestamps } from './timestamps.js'

export interface ChannelSettings {
  family: 4 | 6
  kind: 'datagram' | 'raw'
  fd: number
  /** Of a raw socket; a datagram socket's is the kernel's business. */
  identifier: number
  device: string | undefined
  stampSends: boolean
  clock: Clock
  /** Room for one packet. */
  slotSize: number
}

/** Packets read before the event loop gets its turn. */
const batchesPerTurn = 16
/** Before a deadline is judged everything that waits is read; a receive buffer holds less than this. */
const batchesInAll = 4096

/**
 * One ICMP socket and the probes on it. Replies and errors come in by batches; one timer serves all deadlines. It never
 * judges a probe before it has read what had arrived.
 */
export class IcmpChannel {
  readonly settings: ChannelSettings
  readonly #socket: PacketSocket
  readonly #stamps: Timestamps
  readonly #table = new SequenceTable()
  readonly #queue: SendQueue
  readonly #deadlines = new DeadlineQueue(probe => probe.outcome !== undefined)
  readonly #lateDeadlines = new DeadlineQueue(probe => !probe.inUse)
  readonly #now: ClockSample = { wall: 0, monotonic: 0 }
  readonly #matcher: PacketMatcher
  readonly #lost: (channel: IcmpChannel) => void
  #pending = 0
  #release: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY

  /** `lost` is told when the device has gone, before the probes on it are given up. */
  constructor(settings: ChannelSettings, lost: (channel: IcmpChannel) => void) {
    this.settings = settings
    this.#lost = lost
    this.#stamps = new Timestamps(settings.fd, settings.stampSends)
    this.#matcher = new PacketMatcher(settings, this.#table, this.#stamps)
    const handlers = { readable: () => this.#drain(batchesPerTurn), writable: () => this.#queue.flush() }
    this.#socket = new PacketSocket(settings.fd, handlers, settings.slotSize)
    this.#queue = new SendQueue(settings, {
      clock: settings.clock,
      accepted: probe => this.#accepted(probe),
      refused: (probe, errno) => this.#refused(probe, errno),
      stumbled: wall => this.#stumbled(wall),
      readBetween: () => this.#drain(batchesPerTurn),
      waitForRoom: () => this.#socket.notifyWritable(),
    })
  }

  get pending(): number {
    return this.#pending
  }

  get closed(): boolean {
    return this.#socket.closed
  }

  /** Packets the kernel has dropped because the receive buffer was full: this machine's fault, no loss of the network. */
  get drops(): number {
    return this.#matcher.drops
  }

  /** Takes a probe, or says no: all sequence numbers are in use. It leaves with the batch of this turn of the event loop. */
  submit(probe: Probe): boolean {
    if (!this.#table.insert(probe)) return false
    if (this.#pending++ === 0) this.#release = hold()
    this.#queue.push(probe)
    return true
  }

  /** Its owner will not be told anything any more. False if it isn't one of this channel. */
  cancel(probe: Probe): boolean {
    if (!this.#table.remove(probe)) return false
    this.#queue.remove(probe)
    if (probe.outcome === undefined) {
      probe.outcome = 'timeout'
      this.#forget()
    }
    return true
  }

  /** Throws when the device of the socket has been deleted. */
  verify(): void {
    if (this.settings.device !== undefined) verifyDevice(this.settings.fd, this.settings.device)
  }

  /** The device has gone: everything on it fails, and the socket is closed. */
  lose(error: Error): void {
    if (this.closed) return
    this.#lost(this)
    const probes = this.#table.pending()
    this.close()
    for (const probe of probes) this.#fail(probe, error)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#queue.close()
    this.#socket.close()
    this.#release?.()
    this.#release = undefined
  }

  #accepted(probe: Probe): void {
    this.#stamps.sent(probe)
    this.#deadlines.push(probe, probe.sent!.monotonic, probe.timeout)
    this.#armTimer(probe.deadline, probe.sent!.monotonic)
  }

  #refused(probe: Probe, errno: number): void {
    const { device } = this.settings
    if (this.closed) return
    try {
      this.verify()
    } catch (error) {
      this.lose(error as Error)
      return
    }
    const error = systemError(errno, 'sendmsg', { device })
    if (error.code === 'EMSGSIZE') {
      this.#drain(batchesPerTurn)
      probe.mtu = this.#matcher.localMtu
    }
    this.#fail(probe, error)
  }

  /** A send has failed: perhaps for an error that came for an earlier packet, which is told once and no fault of this one. */
  #stumbled(wall: number): void {
    getOption(this.settings.fd, 'SO_ERROR')
    // Stamps that wait are of the old counter.
    this.#readErrors(batchesPerTurn)
    this.#stamps.restart(wall)
  }

  #fail(probe: Probe, error: Error): void {
    probe.error = error
    this.#settle(probe, 'send-failed')
  }

  /** Data first: when a reply is in hand, the stamp of its request is in the error queue already. */
  #drain(batches: number): void {
    this.#read(batches, this.#matcher.onReply, false)
    this.#readErrors(batches)
    const { answered, repeated, failed } = this.#matcher
    if (answered.length + repeated.length + failed.length === 0) return
    this.settings.clock.read(this.#now)
    for (const probe of answered.splice(0)) this.#judge(probe)
    for (const probe of repeated.splice(0)) probe.owner.duplicate?.(probe)
    for (const probe of failed.splice(0)) {
      if (probe.outcome !== undefined) continue
      const { family, device } = this.settings
      if (isOwnReport(family, probe)) this.#fail(probe, notSent(device))
      else {
        this.#time(probe)
        this.#settle(probe, outcomeOfError(family, probe.type, probe.code))
      }
    }
  }

  #readErrors(batches: number): void {
    this.#read(batches, this.#matcher.onError, true)
  }

  /** A plain receive tells a pending error once (EHOSTUNREACH): the error queue has it too, so it is read over. */
  #read(batches: number, onPacket: (packet: Packet) => void, errors: boolean): void {
    const { EAGAIN } = addon().constants
    for (let i = 0; i < batches && !this.closed; i++) {
      if (this.#socket.receive(onPacket, errors) === -EAGAIN!) return
    }
  }

  #time(probe: Probe): void {
    const { rttMs, kernel } = measure({
      sent: probe.sent!,
      read: this.#now,
      sentStamp: probe.sentStamp,
      receivedStamp: probe.receivedStamp,
    })
    probe.rttMs = rttMs
    probe.kernelClock = kernel
  }

  /** By the time of arrival, not by when it was read. */
  #judge(probe: Probe): void {
    this.#time(probe)
    if (probe.outcome === undefined) {
      this.#settle(probe, probe.rttMs <= probe.timeout ? 'reply' : 'timeout')
      if (probe.outcome !== 'timeout') return
    }
    probe.owner.late?.(probe)
    this.#table.free(probe)
  }

  #settle(probe: Probe, outcome: Probe['outcome']): void {
    if (probe.outcome !== undefined) return
    probe.outcome = outcome
    if (outcome === 'timeout' && probe.lateMs > 0 && !this.closed) {
      this.#lateDeadlines.push(probe, probe.deadline, probe.lateMs)
      this.#armTimer(probe.deadline, this.#now.monotonic)
    } else this.#table.free(probe)
    this.#forget()
    probe.owner.settled(probe)
  }

  /**
   * Silence. But a packet without a neighbour to take it never left, nor one without a stamp where sends are stamped: that is
   * this machine's doing, and the kernel does not say so to a socket bound to a device.
   */
  #giveUp(probe: Probe): void {
    const { device } = this.settings
    if (device === undefined || !Number.isNaN(probe.sentStamp)) {
      this.#settle(probe, 'timeout')
      return
    }
    const hop = silentNextHop(probe.target, device, this.#now.monotonic - probe.sent!.monotonic)
    if (hop !== undefined || (this.#stamps.sends && stampingDevices.has(device)))
      this.#fail(probe, notSent(device, hop))
    else this.#settle(probe, 'timeout')
  }

  #forget(): void {
    if (--this.#pending > 0) return
    this.#release?.()
    this.#release = undefined
  }

  #armTimer(at: number, now: number): void {
    if (at >= this.#timerAt || this.closed) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    // The hold keeps the event loop alive while a verdict is due; for late replies alone nobody waits.
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(at - now))).unref()
  }

  #onTimer(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#drain(batchesInAll)
    this.settings.clock.read(this.#now)
    const { monotonic } = this.#now
    this.#deadlines.expire(monotonic, probe => this.#giveUp(probe))
    this.#lateDeadlines.expire(monotonic, probe => this.#table.free(probe))
    const next = Math.min(this.#deadlines.next(), this.#lateDeadlines.next())
    if (next < Number.POSITIVE_INFINITY) this.#armTimer(next, monotonic)
  }
}
