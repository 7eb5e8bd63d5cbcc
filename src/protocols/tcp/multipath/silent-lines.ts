import { monotonicNow } from '../../../monotonic.js'
import { unref } from '../../../runtime/timers.js'
import { decodeTcpInfo } from '../../../sockets/tcp-info.js'
import type { KernelSubflow, Traffic } from '../../../system/multipath/subflows.js'

/** Milliseconds that an active device has for the answer to a SYN, besides two round trips. */
const answerMs = 50
/** Milliseconds until devices that answered are asked about another silence. */
const answeredPause = 5000
/** Milliseconds between two looks for an answer while no active device gives one. */
const lookPause = 250
/** Milliseconds between two looks at whether the other end still sends to a backup. */
const confirmPause = 1000
/** Milliseconds between two SYNs to devices that don't answer. Doubles up to the longest. */
const firstAskPause = 1000
const longestAskPause = 30_000

/** What judging takes from the keeper of the subflows. */
interface Subflows {
  read(): KernelSubflow[]
  /** Whether a device of this index is an active one. */
  isActive(deviceIndex: number): boolean
  /** Repeats to the other end whether a subflow is a backup: a lost MP_PRIO is not sent again. */
  announce(subflow: KernelSubflow, backup: boolean): void
  /** Sends the SYN of another subflow through a device. Returns whether it is under way. */
  open(deviceIndex: number): boolean
  close(subflow: KernelSubflow): void
  /** Adjusts the subflows. */
  keep(): void
}

/**
 * Judges whether the active devices of a connection with a backup are dead. The kernel of the sending side waits three
 * retransmission timers before it uses a backup. The answer to a SYN takes one round trip, whichever side sends.
 */
export class SilentLines {
  readonly #subflows: Subflows
  /** Progress of each subflow of the active devices when they fell silent. */
  #dead: Map<string, number> | undefined
  #judging: NodeJS.Timeout | undefined
  /** The devices answered during this silence of the connection. */
  #answered = false
  #nextAsk = 0
  #askPause = firstAskPause
  #nextLook = 0
  /** Progress of each subflow at the last look, until the other end sends nothing to a backup. */
  #unconfirmed: Map<string, number> | undefined = new Map()

  constructor(subflows: Subflows) {
    this.#subflows = subflows
  }

  /** Whether no active device answers. The backups are to carry data then. */
  get isSilent(): boolean {
    return this.#dead !== undefined
  }

  end(): void {
    clearTimeout(this.#judging)
  }

  /** Takes a reading of the connection: whether it is silent, and its counters. */
  onReading(silent: boolean, { rttMs }: Traffic): void {
    const now = monotonicNow()
    if (this.isSilent) {
      if (now >= this.#nextLook) this.#look(now, silent)
      return
    }
    if (this.#unconfirmed && now >= this.#nextLook) this.#confirm(now, this.#unconfirmed)
    this.#answered &&= silent
    if (!silent || this.#answered || this.#judging || now < this.#nextAsk || !this.#ask()) return
    this.#judging = unref(setTimeout(() => this.#judge(), answerMs + 2 * rttMs))
  }

  /** A device answered a SYN, even if the other end then refuses a further subflow. */
  onAnswer(deviceIndex: number | undefined): void {
    if (deviceIndex !== undefined && this.#subflows.isActive(deviceIndex)) this.#answered = true
  }

  /** Ends the silence if an active device answers, and closes its subflows that still don't. */
  update(subflows: readonly KernelSubflow[]): void {
    const dead = this.#dead
    if (!dead || !this.#isAnswered(subflows)) return
    this.#dead = undefined
    this.#nextAsk = 0
    this.#unconfirmed = progressOfAll(subflows)
    this.#nextLook = monotonicNow() + confirmPause
    for (const subflow of subflows) if (isDead(dead, subflow)) this.#subflows.close(subflow)
  }

  /** Asks each active device whose subflow is established. Returns whether there is one, and a backup that could take over. */
  #ask(): boolean {
    const established = this.#subflows.read().filter(({ socket }) => socket?.established)
    const devices = new Set(established.map(({ socket }) => socket!.deviceIndex))
    const active = [...devices].filter(index => this.#subflows.isActive(index))
    if (active.length === 0 || active.length === devices.size) return false
    return active.map(index => this.#subflows.open(index)).every(Boolean)
  }

  #judge(): void {
    this.#judging = undefined
    const active = this.#ofActiveDevices(this.#subflows.read())
    const waiting = new Set(
      active.filter(({ socket }) => !socket!.established).map(({ socket }) => socket!.deviceIndex),
    )
    const now = monotonicNow()
    // An answer has ended the wait, even a refusal.
    this.#answered ||= active.length === 0 || active.some(({ socket }) => !waiting.has(socket!.deviceIndex))
    if (this.#answered) {
      this.#nextAsk = now + answeredPause
      return
    }
    this.#dead = progressOfAll(active)
    this.#askPause = firstAskPause
    this.#nextAsk = now + firstAskPause
    this.#nextLook = now + lookPause
    this.#subflows.keep()
    // The kernel sends what is under way on a closed subflow again immediately, through the others.
    for (const subflow of active) if (isSending(subflow)) this.#subflows.close(subflow)
  }

  /** Repeats to the other end which subflows are backups while it sends to those, although an active device works. */
  #confirm(now: number, before: ReadonlyMap<string, number>): void {
    this.#nextLook = now + confirmPause
    const subflows = this.#subflows.read().filter(({ socket }) => socket?.established)
    const active = new Set(this.#ofActiveDevices(subflows))
    if (active.size === 0) return
    const grown = subflows.filter(subflow => progressOf(subflow) > (before.get(nameOf(subflow)) ?? 0))
    const backups = grown.filter(subflow => !active.has(subflow))
    for (const subflow of backups) this.#subflows.announce(subflow, true)
    this.#unconfirmed = backups.length === 0 && grown.length > 0 ? undefined : progressOfAll(subflows)
  }

  #look(now: number, silent: boolean): void {
    this.#nextLook = now + lookPause
    const subflows = this.#subflows.read()
    if (!this.#isAnswered(subflows)) {
      const active = this.#ofActiveDevices(subflows)
      const backups = subflows.filter(subflow => subflow.socket?.established && !active.includes(subflow))
      if (silent) for (const subflow of backups) this.#subflows.announce(subflow, false)
      if (now < this.#nextAsk || active.some(({ socket }) => !socket!.established)) return
      this.#ask()
      this.#nextAsk = now + this.#askPause
      this.#askPause = Math.min(2 * this.#askPause, longestAskPause)
    }
    this.#subflows.keep()
  }

  #isAnswered(subflows: readonly KernelSubflow[]): boolean {
    return (
      this.#answered ||
      this.#ofActiveDevices(subflows).some(subflow => subflow.socket!.established && !isDead(this.#dead!, subflow))
    )
  }

  #ofActiveDevices(subflows: readonly KernelSubflow[]): KernelSubflow[] {
    return subflows.filter(({ socket }) => socket && this.#subflows.isActive(socket.deviceIndex))
  }
}

const nameOf = ({ local }: KernelSubflow) => `${local.address} ${local.port}`

/** Bytes that went both ways. A subflow that is opening has none yet, so its establishment is progress. */
function progressOf({ socket }: KernelSubflow): number {
  const { bytesReceived = 0, bytesAcknowledged = 0 } = decodeTcpInfo(socket!.tcpInfo)
  return socket!.established ? bytesReceived + bytesAcknowledged : -1
}

const isSending = ({ socket }: KernelSubflow) =>
  socket!.established && (decodeTcpInfo(socket!.tcpInfo).unacknowledged ?? 0) > 0

const progressOfAll = (subflows: readonly KernelSubflow[]) =>
  new Map(subflows.map(subflow => [nameOf(subflow), progressOf(subflow)]))

const isDead = (dead: ReadonlyMap<string, number>, subflow: KernelSubflow) =>
  dead.get(nameOf(subflow)) === progressOf(subflow)
