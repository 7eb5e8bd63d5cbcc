import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import { boundNameOf } from '../../sockets/address.js'
import { getOption, setOption } from '../../sockets/options.js'
import { resetOnClose } from '../../sockets/reset.js'
import { tcpInfo } from '../../sockets/tcp-info.js'
import type { ClockSample } from '../icmp/probe/clock.js'
import { Timestamps } from '../icmp/socket/timestamps.js'
import type { RefusalStamps } from './refusal-stamps.js'
import { now, type ProbeOrder, SocketProbe } from './socket-probe.js'

const { EINPROGRESS, ECONNABORTED, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EPIPE, ETIMEDOUT } = constants.errno
/** The target has accepted and closed the connection, or has refused it. */
const answers = [ECONNREFUSED, ECONNRESET, EPIPE]

/** A connection request, which the target accepts or refuses. */
export class TcpProbe extends SocketProbe {
  protected override readonly syscall = 'connect'
  protected override readonly kind = 'stream'
  /** Arrival of an answer from a target so near that it came during the call to `connect`. */
  #answeredAt: ClockSample | undefined
  #port = 0

  constructor(
    order: ProbeOrder,
    target: Uint8Array,
    private readonly refusals: RefusalStamps | undefined,
  ) {
    super(order, target)
  }

  override close(): void {
    this.refusals?.forget(this.#port)
    super.close()
  }

  protected override prepare(fd: number): void {
    // Nothing of an open connection stays on either side.
    setOption(fd, 'SO_LINGER', resetOnClose)
    // Repeats as rarely as the kernel allows, because routers answer each repetition.
    setOption(fd, 'TCP_SYNCNT', 1)
    this.stamps = new Timestamps(fd, false)
  }

  protected override launch(fd: number): number {
    const errno = addon().connect(fd, this.target)
    if (errno < 0 && errno !== -EINPROGRESS) return errno
    this.#port = boundNameOf(fd).port
    this.refusals?.expect(this.#port, this.sent!.wall)
    // Without a timestamp of the refusal, the event loop's time would include sending the other probes.
    if (!isUnderWay(tcpInfo(fd).state)) this.#answeredAt = now()
    this.socket!.notifyWritable()
    return 0
  }

  protected override readAnswer(): void {
    const { fd } = this.socket!
    const { state, rttMs } = tcpInfo(fd)
    if (isUnderWay(state)) return
    const errno = getOption(fd, 'SO_ERROR')
    if (state === 'close' ? answers.includes(errno) : errno === 0) this.#reached(rttMs)
    else if (errno === ETIMEDOUT) this.silent()
    else this.#broken(errno || ECONNABORTED)
  }

  protected override isOwn(): boolean {
    return true
  }

  /** The kernel measures the whole handshake. */
  #reached(handshakeMs: number | undefined): void {
    this.from = this.target
    this.time(handshakeMs === undefined ? this.#refusedAt() : Number.NaN, this.#answeredAt)
    if (handshakeMs !== undefined) {
      this.rttMs = handshakeMs
      this.kernelClock = true
    }
    this.settle('reply')
  }

  #refusedAt(): number {
    return this.refusals?.arrival(this.#port) ?? Number.NaN
  }

  #broken(errno: number): void {
    // It may have arrived since the errors were read.
    this.readErrors()
    if (this.outcome !== undefined) return
    const { device } = this.order.path
    const hint =
      errno === EHOSTUNREACH
        ? 'Linux before 5.18 does not show which router reported it; use method udp or icmp'
        : undefined
    this.fail(systemError(-errno, 'connect', { device, hint }))
  }
}

function isUnderWay(state: string): boolean {
  return state === 'syn-sent' || state === 'syn-received'
}
