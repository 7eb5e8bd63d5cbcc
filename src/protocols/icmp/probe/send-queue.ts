import { constants } from 'node:os'
import { unref } from '../../../runtime/timers.js'
import { trySetOption } from '../../../sockets/options.js'
import type { Clock, ClockSample } from './clock.js'
import { EchoBatch } from './echo-batch.js'
import type { ProbeTable } from './probe-table.js'

export interface SendQueueHandlers {
  clock: Clock
  /** The kernel has accepted these packets of the batch. */
  accepted(batch: EchoBatch, first: number, end: number, sent: ClockSample): void
  /** The kernel refuses the probe for a reason of its own. */
  refused(probe: number, errno: number): void
  /** Whether packets must be passed to the kernel one at a time. */
  oneByOne(): boolean
  /** A send failed or accepted only the first packets, perhaps due to an older error: clear it. `wall`: the time before it. */
  failedOnce(wall: number): void
  /** A batch has left. Near hosts answer within the sending call, so their replies are read while still in the cache. */
  batchSent(): void
  /** Everything that could leave has left. */
  flushed(): void
  /** Asks to call `flush` when the socket's buffer has room. */
  waitForRoom(): void
}

const { EAGAIN, ENOBUFS } = constants.errno

interface Socket {
  fd: number
  family: 4 | 6
  kind: 'datagram' | 'raw'
  identifier: number
}

/** A send may report an older error in place of its own result, and a second error may have come since. */
const attempts = 3
/** A full device queue (ENOBUFS) raises no event when there is room again. */
const roomRetryMs = 2

/** Shared by all sockets: it is filled and sent synchronously. */
let batch: EchoBatch | undefined

/** Probes on their way to the kernel. Those submitted in one turn of the event loop leave in one batch. */
export class SendQueue {
  readonly #socket: Socket
  readonly #table: ProbeTable
  readonly #handlers: SendQueueHandlers
  /** Places in the table, in order. */
  #probes: number[] = []
  /** Index of the first probe that hasn't left. */
  #head = 0
  #scheduled = false
  #blocked = false
  #closed = false
  #retryTimer: NodeJS.Timeout | undefined
  #hops = -1
  readonly #sent: ClockSample = { wall: 0, monotonic: 0 }

  constructor(socket: Socket, table: ProbeTable, handlers: SendQueueHandlers) {
    this.#socket = socket
    this.#table = table
    this.#handlers = handlers
  }

  push(probe: number): void {
    this.#probes.push(probe)
    if (this.#scheduled || this.#blocked) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  flush(): void {
    this.#blocked = false
    clearTimeout(this.#retryTimer)
    while (this.#head < this.#probes.length && !this.#blocked && !this.#closed) {
      this.#sendBatch()
      if (!this.#closed) this.#handlers.batchSent()
    }
    if (!this.#closed) this.#handlers.flushed()
  }

  close(): void {
    this.#closed = true
    this.#probes = []
    this.#head = 0
    clearTimeout(this.#retryTimer)
  }

  #sendBatch(): void {
    const { clock } = this.#handlers
    const ready = this.#fill()
    const { count } = ready
    clock.read(this.#sent)
    let failures = 0
    for (let first = 0; first < count && !this.#closed; ) {
      const oneByOne = this.#handlers.oneByOne()
      if (oneByOne) clock.read(this.#sent)
      const end = oneByOne ? first + 1 : count
      const result = ready.send(this.#socket.fd, first, end)
      if (result > 0) {
        this.#handlers.accepted(ready, first, first + result, this.#sent)
        first += result
        failures = 0
      }
      if (first < end) this.#handlers.failedOnce(this.#sent.wall)
      if (isFull(result)) {
        this.#putBack(ready, first, result)
        return
      }
      if (result < 0) {
        if (++failures < attempts) continue
        this.#handlers.refused(ready.probes[first]!, result)
        first++
        failures = 0
      }
    }
  }

  /** Moves up to a batch of probes from the queue into the batch. */
  #fill(): EchoBatch {
    batch ??= new EchoBatch()
    batch.clear()
    const { identifier } = this.#socket
    for (; this.#head < this.#probes.length; this.#head++) {
      const probe = this.#probes[this.#head]!
      const { hops, cancelled } = this.#table.request(probe)
      if (cancelled) {
        this.#table.free(probe, false)
        continue
      }
      if (batch.count > 0 && this.#needsHops(hops)) break
      const errno = this.#setHops(hops)
      if (errno < 0) {
        this.#handlers.refused(probe, errno)
        if (this.#closed) break
        continue
      }
      if (!batch.add(this.#table, probe, identifier, this.#hopsBySocket ? -1 : hops)) break
    }
    if (this.#head === this.#probes.length) {
      this.#probes = []
      this.#head = 0
    }
    return batch
  }

  /** Before Linux 5.18, ICMPv6 ping sockets ignore a packet's own hop limit. There it is set on the socket for each batch. */
  get #hopsBySocket(): boolean {
    return this.#socket.family === 6 && this.#socket.kind === 'datagram'
  }

  #needsHops(hops: number): boolean {
    return this.#hopsBySocket && hops !== this.#hops
  }

  /** Returns 0 or a negative errno. */
  #setHops(hops: number): number {
    if (!this.#needsHops(hops)) return 0
    const errno = trySetOption(this.#socket.fd, 'IPV6_UNICAST_HOPS', hops)
    if (errno === 0) this.#hops = hops
    return errno
  }

  /** A full socket or device buffer is no refusal, until the probe's own time is over. */
  #putBack({ probes, count }: EchoBatch, first: number, errno: number): void {
    const { monotonic } = this.#sent
    const waiting: number[] = []
    for (let i = first; i < count && !this.#closed; i++) {
      const probe = probes[i]!
      // A refused owner may send more, which can replace the columns.
      const { sentMonotonic } = this.#table
      if (sentMonotonic[probe]! < 0) sentMonotonic[probe] = monotonic
      const isLate = monotonic - sentMonotonic[probe]! > this.#table.request(probe).timeout
      if (isLate) this.#handlers.refused(probe, errno)
      else waiting.push(probe)
    }
    if (this.#closed) return
    this.#probes = [...waiting, ...this.#probes.slice(this.#head)]
    this.#head = 0
    if (this.#probes.length === 0) return
    if (errno === -EAGAIN) this.#handlers.waitForRoom()
    this.#blocked = true
    this.#retryTimer = unref(setTimeout(() => this.flush(), retryMs(errno)))
  }
}

/** After EAGAIN the poller reports room. The timer is for probes whose time expires meanwhile. */
function retryMs(errno: number): number {
  return errno === -EAGAIN ? 50 : roomRetryMs
}

function isFull(errno: number): boolean {
  return errno === -EAGAIN || errno === -ENOBUFS
}
