import { constants } from 'node:os'
import { setOption } from '../../sockets/options.js'
import { SendBatch } from '../../sockets/send-batch.js'
import type { Clock, ClockSample } from './clock.js'
import type { Probe } from './probe.js'

export interface SendQueueHandlers {
  clock: Clock
  /** The kernel has taken it. */
  accepted(probe: Probe): void
  /** The kernel will not take it, for a reason of its own. */
  refused(probe: Probe, errno: number): void
  /** A send failed, perhaps for an older error: clear it. `wall`: the time now. */
  stumbled(wall: number): void
  /** Many are sent without a break: replies of near hosts fill the receive buffer meanwhile. */
  readBetween(): void
  /** `flush` is to be called when there is room in the socket's buffer. */
  waitForRoom(): void
}

const { EAGAIN, ENOBUFS } = constants.errno

interface Socket {
  fd: number
  family: 4 | 6
  kind: 'datagram' | 'raw'
  identifier: number
}

/** An older error is told by a send in place of its own result; a second one may have come meanwhile. */
const attempts = 3
/** A full queue of the device (ENOBUFS) gives no event when there is room again. */
const roomRetryMs = 2
/** 256 packets: what the kernel's default receive buffer holds. */
const batchesBetweenReads = 4
/** Room for 64 of ordinary size, and for one of the largest. */
const batchBytes = 128 * 1024

/** Shared by all: filled and sent in one go. */
let batch: SendBatch | undefined

/** Probes on their way to the kernel, by the batch: those submitted in one turn of the event loop leave together. */
export class SendQueue {
  readonly #socket: Socket
  readonly #handlers: SendQueueHandlers
  #probes: Probe[] = []
  #scheduled = false
  #blocked = false
  #closed = false
  #retryTimer: NodeJS.Timeout | undefined
  #hops = -1

  constructor(socket: Socket, handlers: SendQueueHandlers) {
    this.#socket = socket
    this.#handlers = handlers
  }

  push(probe: Probe): void {
    this.#probes.push(probe)
    if (this.#scheduled || this.#blocked) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  remove(probe: Probe): void {
    const index = this.#probes.indexOf(probe)
    if (index >= 0) this.#probes.splice(index, 1)
  }

  flush(): void {
    this.#blocked = false
    clearTimeout(this.#retryTimer)
    for (let batches = 1; this.#probes.length > 0 && !this.#blocked && !this.#closed; batches++) {
      this.#sendBatch()
      if (batches % batchesBetweenReads === 0) this.#handlers.readBetween()
    }
  }

  close(): void {
    this.#closed = true
    this.#probes = []
    clearTimeout(this.#retryTimer)
  }

  #sendBatch(): void {
    const sent: ClockSample = { wall: 0, monotonic: 0 }
    const probes = this.#fill()
    this.#handlers.clock.read(sent)
    for (const probe of probes) probe.sent = sent
    let failures = 0
    for (let first = 0; first < probes.length && !this.#closed; ) {
      const result = batch!.send(this.#socket.fd, first)
      if (result > 0) {
        for (const probe of probes.slice(first, first + result)) this.#handlers.accepted(probe)
        first += result
        failures = 0
      } else if (isFull(result)) {
        this.#wait(probes.slice(first), result, sent.monotonic)
        return
      } else {
        this.#handlers.stumbled(sent.wall)
        if (++failures < attempts) continue
        this.#handlers.refused(probes[first]!, result)
        first++
        failures = 0
      }
    }
  }

  /** Moves up to a batch of probes from the queue into the batch. */
  #fill(): Probe[] {
    batch ??= new SendBatch(batchBytes)
    batch.clear()
    const { identifier } = this.#socket
    let count = 0
    for (const probe of this.#probes) {
      if (!this.#setHops(probe, count === 0)) break
      const hops = this.#hopsBySocket ? -1 : probe.hops
      if (!batch.add(probe.template.fill(identifier, probe.sequence, probe.cookie), probe.target, hops)) break
      count++
    }
    return this.#probes.splice(0, count)
  }

  /** ICMPv6 ping sockets ignore a packet's own hop limit before Linux 5.18: there the socket has it, for a batch at a time. */
  get #hopsBySocket(): boolean {
    return this.#socket.family === 6 && this.#socket.kind === 'datagram'
  }

  #setHops({ hops }: Probe, first: boolean): boolean {
    if (!this.#hopsBySocket || hops === this.#hops) return true
    if (!first) return false
    setOption(this.#socket.fd, 'IPV6_UNICAST_HOPS', hops)
    this.#hops = hops
    return true
  }

  /** A full socket or device buffer is no refusal, until the probe's own time is over. */
  #wait(probes: Probe[], errno: number, now: number): void {
    const waiting: Probe[] = []
    for (const probe of probes) {
      probe.sent = undefined
      if (probe.blockedSince < 0) probe.blockedSince = now
      if (now - probe.blockedSince > probe.timeout) this.#handlers.refused(probe, errno)
      else waiting.push(probe)
    }
    this.#probes = [...waiting, ...this.#probes]
    if (this.#probes.length === 0 || this.#closed) return
    if (errno === -EAGAIN) this.#handlers.waitForRoom()
    this.#blocked = true
    this.#retryTimer = setTimeout(() => this.flush(), retryMs(errno)).unref()
  }
}

/** With EAGAIN the poller tells; the timer is there for probes whose time is over meanwhile. */
function retryMs(errno: number): number {
  return errno === -EAGAIN ? 50 : roomRetryMs
}

function isFull(errno: number): boolean {
  return errno === -EAGAIN || errno === -ENOBUFS
}
