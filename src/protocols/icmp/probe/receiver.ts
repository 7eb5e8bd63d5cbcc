import { addon, Field } from '../../../binding/addon.js'
import type { PacketSocket } from '../../../sockets/packet-socket.js'
import { receiveBuffer, slots } from '../../../sockets/receive-buffer.js'
import type { Timestamps } from '../socket/timestamps.js'
import type { Clock, ClockSample } from './clock.js'
import { ErrorReader, type ReaderSettings } from './error-reader.js'
import type { ProbeJudge } from './probe-judge.js'
import type { ProbeTable } from './probe-table.js'
import { ReplyReader } from './reply-reader.js'

interface ReceiverSettings extends ReaderSettings {
  clock: Clock
  /** Buffer size for one packet. */
  slotSize: number
}

/** Everything waiting is read before a deadline is judged. A receive buffer holds fewer batches than this. */
export const batchesInAll = 4096
/** Bytes kept of an error's quote. Its own size, because replies stay in their buffer while errors are read. */
const errorRoom = 1500
/** Errors that successive receives may report before reading is postponed. */
const errorsInARow = 64

/** Reads replies and errors from a socket, and passes them to the judge. */
export class Receiver {
  /** Packets the kernel has dropped because the receive buffer was full. */
  drops = 0
  readonly errors: ErrorReader
  readonly #socket: PacketSocket
  readonly #clock: Clock
  readonly #stamps: Timestamps<number>
  readonly #judge: ProbeJudge
  readonly #replyBuffer
  readonly #errorBuffer = receiveBuffer(errorRoom)
  readonly #replies: ReplyReader
  readonly #now: ClockSample = { wall: 0, monotonic: 0 }

  constructor(
    settings: ReceiverSettings,
    socket: PacketSocket,
    table: ProbeTable,
    stamps: Timestamps<number>,
    judge: ProbeJudge,
  ) {
    this.#socket = socket
    this.#clock = settings.clock
    this.#stamps = stamps
    this.#judge = judge
    this.#replyBuffer = receiveBuffer(settings.slotSize)
    this.#replies = new ReplyReader(settings, table, this.#replyBuffer)
    this.errors = new ErrorReader(settings, table, stamps)
  }

  /** Reads up to this many batches of 64. `withErrors`: errors may be waiting that no receive has reported yet. */
  read(batches: number, withErrors: boolean): void {
    const { EAGAIN } = addon().constants
    let errorsSeen = 0
    for (let read = 0; read < batches && errorsSeen < errorsInARow && !this.#socket.closed; ) {
      const count = this.#socket.receiveInto(this.#replyBuffer)
      // A plain receive reports a pending error once (EHOSTUNREACH). The error queue has it too.
      const isError = count < 0 && count !== -EAGAIN!
      // Data first: once a reply has been read, its request's timestamp is already in the error queue.
      if (withErrors || isError || this.#stamps.sends) this.readErrors()
      errorsSeen = isError ? errorsSeen + 1 : 0
      if (count > 0) this.#onReplies(count)
      if (count < slots && !isError) break
      if (count > 0) read++
    }
    if (this.errors.hasErrors) this.#onErrors()
  }

  /** Records timestamps and errors without judging. */
  readErrors(): void {
    for (let i = 0; i < batchesInAll && !this.#socket.closed; i++) {
      const count = this.#socket.receiveInto(this.#errorBuffer, true)
      for (let index = 0; index < count; index++) this.errors.read(this.#errorBuffer.select(index))
      if (count < slots) return
    }
  }

  #onReplies(count: number): void {
    this.#clock.read(this.#now)
    this.drops = this.#replyBuffer.table[(count - 1) * Field.size + Field.drops]! >>> 0
    for (let i = 0; i < count; i++) {
      const probe = this.#replies.read(i)
      if (probe >= 0) this.#judge.reply(probe, this.#replies, this.errors, this.#now)
    }
  }

  #onErrors(): void {
    this.#clock.read(this.#now)
    for (const error of this.errors.take()) this.#judge.error(error, this.errors, this.#now)
  }
}
