import { addon } from '../../../binding/addon.js'
import { hold } from '../../../binding/poller.js'
import { random16 } from '../../../binding/random.js'
import { monotonicNow } from '../../../monotonic.js'
import { type PathOptions, pathKey, pathOf } from '../../../options.js'
import { setImmediate, unref } from '../../../runtime/timers.js'
import { setOption } from '../../../sockets/options.js'
import { onDeviceLoss } from '../../../system/device-loss.js'
import { refuseThisHost } from '../../../system/this-host.js'
import { type IcmpKind, openIcmpDescriptor, setFragmentation } from '../socket/open-icmp-descriptor.js'
import { filterReplies } from '../socket/socket-filter.js'
import { stampingOn, Timestamps } from '../socket/timestamps.js'
import { type Clock, systemClock } from './clock.js'
import { type EchoRequest, emptyVerdict, type Verdict } from './echo-request.js'
import { ProbeSocket, type ProbeSocketOwner } from './probe-socket.js'

export interface SocketPoolOptions {
  family: 4 | 6
  kind: IcmpKind | 'auto'
  path: PathOptions
  dontFragment: boolean
  /** May send to broadcast addresses, where other hosts answer (SO_BROADCAST, socket(7)). */
  broadcast?: boolean
  /** Largest payload of all probes. Datagram sockets don't report the full length of a truncated reply. */
  payloadSize: number
  /** Timestamps every send, at the cost of one more wake-up. Otherwise all packets of a batch share one time. */
  stampSends: boolean
  /** Replaces the clock in tests. Default: this machine's. */
  clock?: Clock
}

/** Milliseconds an unused socket stays open for the next call of a loop. */
const lingerMs = 20
/**
 * Milliseconds that new callers share sockets whose probes go unanswered. Another socket has another identifier: a NAT or a firewall on the
 * way may have lost a flow, and drops what belongs to it for as long as it comes.
 */
const sharedMs = 60_000

const paths = new Map<string, SocketPool>()
const identifiers = new Set<number>()

/**
 * All echo requests of one path: one socket, plus another for every 65,536 sequence numbers in use. It opens new sockets when
 * the device has been deleted and created again.
 */
export class SocketPool implements ProbeSocketOwner {
  readonly #options: SocketPoolOptions
  readonly #key: string
  readonly #begun = monotonicNow()
  #hasSilence = false
  #sockets: ProbeSocket[] = []
  readonly #lossWatches = new Map<ProbeSocket, () => void>()
  #ready: Promise<void> = Promise.resolve()
  #users = 0
  #inFlight = 0
  #awaited = 0
  #release: (() => void) | undefined
  #linger: NodeJS.Timeout | undefined
  #verified = false

  private constructor(options: SocketPoolOptions, key: string) {
    this.#options = options
    this.#key = key
  }

  /**
   * Returns the pool for these options, shared by all callers. Call `release` once your probes are settled or cancelled.
   * `since`: it must be newer. From then on all callers share the new one.
   *
   * @throws NetviaError where no socket can be opened: `EPERM`, `EACCES`, `ENODEV`, …
   */
  static acquire(options: SocketPoolOptions, since = Number.NEGATIVE_INFINITY): SocketPool {
    const { family, kind, path, dontFragment, broadcast = false, stampSends, clock } = options
    const key = [family, kind, dontFragment, broadcast, stampSends, slotSize(options), pathKey(path)].join('|')
    let found = clock ? undefined : paths.get(key)
    if (!found || found.#isOlder(since)) found = new SocketPool(options, key)
    found.#dropLost()
    if (found.#sockets.length === 0) {
      found.#open()
      found.#ready = stampingOn()
    }
    clearTimeout(found.#linger)
    found.#users++
    if (!clock) paths.set(key, found)
    return found
  }

  #isOlder(since: number): boolean {
    return this.#begun <= (this.#hasSilence ? Math.max(since, monotonicNow() - sharedMs) : since)
  }

  /** Await this before the first `submit`; otherwise the first replies may lack kernel timestamps. */
  get ready(): Promise<void> {
    return this.#ready
  }

  /**
   * Sends one probe of a request to a socket address. Never throws: a probe that can't be sent is settled as `send-failed` in a
   * later turn. `tag` is the owner's own number for the probe.
   */
  submit(request: EchoRequest, target: Uint8Array, tag = 0): void {
    this.#count(request, 1)
    try {
      this.#verify()
      // The device may have got the address since the last probe, as of a router that failed (VRRP, RFC 9568).
      refuseThisHost(target, this.#options.path.device)
      for (const socket of this.#sockets) if (socket.submit(request, target, tag)) return
      this.#open().submit(request, target, tag)
    } catch (error) {
      const verdict = { ...emptyVerdict(target), outcome: 'send-failed' as const, tag, error: error as Error }
      setImmediate(() => {
        if (!request.cancelled) this.settled(request, verdict)
      })
    }
  }

  /** The owner of this request receives nothing more. */
  cancel(request: EchoRequest): void {
    if (request.cancelled) return
    request.cancelled = true
    this.#count(request, -request.inFlight)
  }

  /** Called by the pool's sockets. */
  readonly settled = (request: EchoRequest, verdict: Verdict): void => {
    this.#count(request, -1)
    if (verdict.outcome === 'timeout') this.#hasSilence = true
    request.owner.settled(verdict)
  }

  /** Read by the pool's sockets. */
  get isAwaited(): boolean {
    return this.#awaited > 0
  }

  /** Called by the pool's sockets. */
  lost(socket: ProbeSocket): void {
    this.#forget(socket)
  }

  /** Packets the kernel dropped because receive buffers were full. */
  get drops(): number {
    return this.#sockets.reduce((sum, socket) => sum + socket.drops, 0)
  }

  release(): void {
    if (--this.#users > 0) return
    this.#linger = unref(
      setTimeout(() => {
        if (paths.get(this.#key) === this) paths.delete(this.#key)
        for (const socket of this.#sockets) this.#close(socket)
        this.#sockets = []
      }, lingerMs),
    )
  }

  /** Keeps the event loop alive while a verdict is due. */
  #count(request: EchoRequest, more: number): void {
    request.inFlight += more
    if (request.prompt) this.#awaited += more
    this.#inFlight += more
    if (this.#inFlight > 0) this.#release ??= hold()
    else {
      this.#release?.()
      this.#release = undefined
    }
  }

  /** Runs once for all probes of a turn. */
  #verify(): void {
    if (this.#options.path.device === undefined || this.#verified) return
    this.#verified = true
    queueMicrotask(() => {
      this.#verified = false
    })
    this.#dropLost()
  }

  #dropLost(): void {
    for (const socket of [...this.#sockets]) {
      try {
        socket.verify()
      } catch (error) {
        socket.lose(error as Error)
      }
    }
  }

  #open(): ProbeSocket {
    const { family, kind, path, broadcast = false, clock = systemClock } = this.#options
    const opened = openIcmpDescriptor(family, kind, pathOf(path))
    const identifier = opened.kind === 'raw' ? claimIdentifier() : 0
    const { device } = path
    try {
      const stamps = this.#prepare(opened.fd, opened.kind, identifier)
      const settings = {
        ...opened,
        family,
        identifier,
        device,
        broadcast,
        stamps,
        clock,
        slotSize: slotSize(this.#options),
      }
      const socket: ProbeSocket = new ProbeSocket(settings, this)
      const onLoss = (error: unknown) => socket.lose(error as Error)
      this.#lossWatches.set(socket, onDeviceLoss(opened.fd, device, onLoss))
      this.#sockets.push(socket)
      return socket
    } catch (error) {
      identifiers.delete(identifier)
      throw error
    }
  }

  /** Closes the descriptor if it fails. */
  #prepare(fd: number, kind: IcmpKind, identifier: number): Timestamps<number> {
    const { family, dontFragment, broadcast, stampSends } = this.#options
    try {
      setFragmentation(fd, family, dontFragment)
      if (broadcast) setOption(fd, 'SO_BROADCAST', 1)
      if (kind === 'raw') filterReplies(fd, family, identifier)
      return new Timestamps(fd, stampSends)
    } catch (error) {
      addon().close(fd)
      throw error
    }
  }

  #close(socket: ProbeSocket): void {
    this.#forget(socket)
    socket.close()
  }

  #forget(socket: ProbeSocket): void {
    this.#lossWatches.get(socket)?.()
    this.#lossWatches.delete(socket)
    identifiers.delete(socket.settings.identifier)
    this.#sockets = this.#sockets.filter(other => other !== socket)
  }
}

/** Room for a reply with its IP header. Small slots lie close together, which suits the CPU cache. */
function slotSize({ payloadSize }: SocketPoolOptions): number {
  if (payloadSize <= 100) return 192
  return payloadSize <= 1900 ? 2048 : 65_664
}

/** A random identifier that no other socket of this process uses. Cookies protect against those of other processes. */
function claimIdentifier(): number {
  let identifier = 0
  while (identifier === 0 || identifiers.has(identifier)) identifier = random16()
  identifiers.add(identifier)
  return identifier
}
