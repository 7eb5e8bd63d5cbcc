import { constants } from 'node:os'
import { systemError } from '../../../errors.js'
import { monotonicNow } from '../../../monotonic.js'
import { atTick, type Tick, tickMs } from '../../../runtime/ticker.js'
import { setImmediate } from '../../../runtime/timers.js'
import { addressText } from '../../../sockets/address.js'
import { verifyDevice } from '../../../sockets/open.js'
import { getOption, heldBytes } from '../../../sockets/options.js'
import { PacketSocket } from '../../../sockets/packet-socket.js'
import { deviceDownFor } from '../../../system/device-down.js'
import { echoHeaders } from '../packet/message-types.js'
import type { Timestamps } from '../socket/timestamps.js'
import type { Clock, ClockSample } from './clock.js'
import { DeadlineQueue } from './deadline-queue.js'
import type { EchoBatch } from './echo-batch.js'
import type { EchoRequest, Verdict } from './echo-request.js'
import { broadcastRefused, notSent, queueHint } from './local-failure.js'
import { anyNeighbourAsked, silentNextHop } from './next-hop.js'
import { ProbeJudge } from './probe-judge.js'
import { ProbeTable, State } from './probe-table.js'
import { ReadScheduler } from './read-scheduler.js'
import { batchesInAll, Receiver } from './receiver.js'
import { SendQueue } from './send-queue.js'
import { isBroadcast } from './source-check.js'

export interface ProbeSocketSettings {
  family: 4 | 6
  kind: 'datagram' | 'raw'
  fd: number
  /** Identifier for a raw socket. The kernel assigns that of a datagram socket. */
  identifier: number
  device: string | undefined
  /** May send to broadcast addresses, where other hosts answer. */
  broadcast: boolean
  stamps: Timestamps<number>
  clock: Clock
  /** Buffer size for one packet. */
  slotSize: number
}

/** The owner of a socket. */
export interface ProbeSocketOwner {
  /** The device is gone. Called before the socket's probes fail. */
  lost(socket: ProbeSocket): void
  /** Passes the verdict of one probe to the owner of its request. */
  readonly settled: (request: EchoRequest, verdict: Verdict) => void
  /** Whether a caller is waiting for an answer. */
  readonly isAwaited: boolean
}

/** Batches of packets read before the event loop gets a turn. */
const batchesPerTurn = 16

/**
 * One ICMP socket and its probes. It reads replies and errors in batches, and one timer serves all deadlines. It reads
 * everything that has arrived before it judges a probe.
 */
export class ProbeSocket {
  readonly settings: ProbeSocketSettings
  readonly #owner: ProbeSocketOwner
  readonly #socket: PacketSocket
  readonly #table: ProbeTable
  readonly #queue: SendQueue
  readonly #deadlines: DeadlineQueue
  readonly #judge: ProbeJudge
  readonly #receiver: Receiver
  readonly #readScheduler: ReadScheduler
  readonly #now: ClockSample = { wall: 0, monotonic: 0 }
  /** Packets sent in this flush. */
  #sent = 0
  #timer: Tick | undefined
  #timerAt = Number.POSITIVE_INFINITY

  /** Owns the descriptor, also if it throws. */
  constructor(settings: ProbeSocketSettings, owner: ProbeSocketOwner) {
    this.settings = settings
    this.#owner = owner
    this.#table = ProbeTable.take(settings.family)
    this.#deadlines = new DeadlineQueue(this.#table)
    this.#judge = new ProbeJudge(settings, this.#table, this.#deadlines, owner.settled)
    const handlers = { readable: () => this.#onReadable(), writable: () => this.#queue.flush() }
    this.#socket = new PacketSocket(settings.fd, handlers, settings.slotSize, false)
    this.#receiver = new Receiver(settings, this.#socket, this.#table, settings.stamps, this.#judge)
    this.#readScheduler = new ReadScheduler({
      isAwaited: () => owner.isAwaited,
      arm: () => this.#socket.arm(),
      read: () => this.#receiver.read(batchesPerTurn, true),
    })
    this.#queue = new SendQueue(settings, this.#table, {
      clock: settings.clock,
      accepted: (batch, first, end, sent) => this.#accepted(batch, first, end, sent),
      refused: (probe, errno) => this.#refused(probe, errno),
      oneByOne: () => settings.stamps.inDoubt,
      failedOnce: wall => this.#failedOnce(wall),
      batchSent: () => this.#receiver.read(1, false),
      flushed: () => {
        this.#readScheduler.sent(this.#sent)
        this.#sent = 0
      },
      waitForRoom: () => this.#socket.notifyWritable(),
    })
  }

  get closed(): boolean {
    return this.#socket.closed
  }

  /** Packets the kernel dropped because the receive buffer was full: this machine's fault, not loss in the network. */
  get drops(): number {
    return this.#receiver.drops
  }

  /** Accepts a probe, or returns false if all sequence numbers are in use. It leaves with this turn's batch. */
  submit(request: EchoRequest, target: Uint8Array, tag: number): boolean {
    const probe = this.#table.insert(request, target, tag)
    if (probe < 0) return false
    // The place may have belonged to a probe whose request was cancelled.
    this.#deadlines.remove(probe)
    this.#queue.push(probe)
    return true
  }

  /** Throws if the socket's device has been deleted. */
  verify(): void {
    if (this.settings.device !== undefined) verifyDevice(this.settings.fd, this.settings.device)
  }

  /** The device is gone: fails all probes and closes the socket. */
  lose(error: Error): void {
    if (this.closed) return
    this.#owner.lost(this)
    const probes = this.#table.unsettled()
    this.close()
    for (const probe of probes) this.#judge.fail(probe, error)
  }

  close(): void {
    this.#timer?.cancel(this.#onTimer)
    this.#readScheduler.close()
    this.#queue.close()
    if (this.closed) return
    this.#socket.close()
    // The caller may still be in the middle of a batch.
    setImmediate(() => this.#table.giveBack()).unref()
  }

  #accepted({ probes }: EchoBatch, first: number, end: number, { wall, monotonic }: ClockSample): void {
    const { state, sentWall, sentMonotonic } = this.#table
    let soonest = Number.POSITIVE_INFINITY
    this.#sent += end - first
    for (let i = first; i < end; i++) {
      const probe = probes[i]!
      const { timeout } = this.#table.request(probe)
      state[probe] = State.sent
      sentWall[probe] = wall
      sentMonotonic[probe] = monotonic
      if (this.settings.stamps.sends) this.#receiver.errors.sent(probe, wall, this.#readErrors)
      this.#deadlines.push(probe, timeout)
      if (timeout < soonest) soonest = timeout
    }
    this.#armTimer(monotonic + soonest, monotonic)
  }

  #refused(probe: number, errno: number): void {
    const { device, family } = this.settings
    try {
      this.verify()
    } catch (error) {
      this.lose(error as Error)
      return
    }
    const target = this.#table.targetOf(probe)
    if (errno === -constants.errno.EACCES && isBroadcast(target, device)) {
      this.#judge.fail(probe, broadcastRefused(target, device))
      return
    }
    const tooBig = errno === -constants.errno.EMSGSIZE
    if (tooBig) this.#receiver.read(batchesPerTurn, true)
    const mtu = tooBig ? this.#receiver.errors.localMtu : 0
    const fits = mtu ? `the MTU of ${mtu} leaves ${mtu - echoHeaders[family]} bytes of payload` : undefined
    const hint = fits ?? queueHint(errno)
    this.#judge.fail(probe, systemError(errno, 'sendmsg', { device, hint }), mtu)
  }

  /** A send failed, perhaps with the error of an earlier packet, which the kernel reports once on the next send. */
  #failedOnce(wall: number): void {
    getOption(this.settings.fd, 'SO_ERROR')
    this.settings.stamps.failed(wall, this.#readErrors)
  }

  #onReadable(): void {
    this.#receiver.read(batchesPerTurn, true)
    this.#readScheduler.listen()
  }

  readonly #readErrors = (): void => this.#receiver.readErrors()

  /** `down`: the error if nothing can arrive. */
  #giveUp(probe: number, down: ReturnType<typeof deviceDownFor>): void {
    if (this.#table.state[probe] === State.overdue) {
      this.#table.free(probe, false)
      return
    }
    const ageMs = this.#now.monotonic - this.#table.sentMonotonic[probe]!
    const why = down(addressText(this.#table.targetOf(probe)), ageMs) ?? this.#whyNotSent(probe, ageMs)
    if (why) this.#judge.fail(probe, why)
    else this.#judge.timeout(probe)
  }

  /**
   * Proof that an unanswered probe never left. The kernel reports failed neighbour resolution, but not to a socket bound to a
   * device. A packet the kernel still holds, for a neighbour or in a queue, proves nothing: it may leave later.
   */
  #whyNotSent(probe: number, ageMs: number): Error | undefined {
    const { device } = this.settings
    const { errors } = this.#receiver
    if (!Number.isNaN(errors.leftStamp(probe))) return undefined
    if (Number.isNaN(errors.sentStamp(probe))) {
      const hop = device === undefined ? undefined : silentNextHop(this.#table.targetOf(probe), device, ageMs)
      if (hop?.failed) return notSent(device, `nobody on the link answers for the next hop, ${hop.address}`)
      if (hop) return undefined
      if (errors.neverQueued(probe)) {
        return device === undefined && anyNeighbourAsked(ageMs) ? undefined : notSent(device)
      }
    }
    return errors.neverLeftQueue(probe) && heldBytes(this.settings.fd) === 0 ? notSent(device) : undefined
  }

  #armTimer(at: number, now: number): void {
    if (at >= this.#timerAt || this.closed) return
    this.#timer?.cancel(this.#onTimer)
    this.#timerAt = at
    // The path keeps the event loop alive while a verdict is due. Late replies alone don't need that.
    const grid = this.#owner.isAwaited ? 1 : tickMs / 2
    this.#timer = atTick(monotonicNow() + at - now, this.#onTimer, grid)
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#receiver.read(batchesInAll, true)
    this.settings.clock.read(this.#now)
    const { monotonic } = this.#now
    if (this.#deadlines.next() <= monotonic) {
      const { device } = this.settings
      const down = deviceDownFor('recvmsg', { device })
      this.#deadlines.expire(monotonic, probe => this.#giveUp(probe, down))
    }
    const next = this.#deadlines.next()
    if (next < Number.POSITIVE_INFINITY) this.#armTimer(next, monotonic)
  }
}
