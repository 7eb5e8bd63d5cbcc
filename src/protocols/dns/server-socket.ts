import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { addon, Field } from '../../binding/addon.js'
import { hold } from '../../binding/poller.js'
import { type NetviaError, systemError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import type { PathOptions } from '../../options.js'
import { decodeAddress, encodeAddress, familyOf } from '../../sockets/address.js'
import { connectError } from '../../sockets/connect-error.js'
import { openDescriptor, verifyDevice } from '../../sockets/open.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { sendReported } from '../../sockets/reported-send.js'
import { meetsItself } from '../../sockets/self-connection.js'
import { SendBatch } from '../../sockets/send-batch.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import { isThisMachine } from '../../system/reach.js'
import { targetOnPath } from '../../system/this-host.js'
import { hostErrors } from './failures.js'
import { endLinger, linger } from './late-answers.js'
import { decodeResponse, encodeQuery, type Query, type Response } from './message.js'
import type { DnsServer } from './server-address.js'
import { recently } from './system-files.js'

const { ECONNREFUSED } = constants.errno
/** The errors that the kernel reports for ICMP errors (icmp(7), RFC 1122 section 3.2.2.1). */
const icmpErrors = new Set(['EACCES', 'ECONNREFUSED', 'EHOSTUNREACH', 'EMSGSIZE', 'ENETUNREACH', ...hostErrors])

/** Node has no numbers for some of them. */
function isIcmpError(errno: number): boolean {
  return errno < 0 && icmpErrors.has(getSystemErrorName(errno))
}

/**
 * Maximum queries that share a source port, and for how many milliseconds. SECURITY.md explains what that means for forged
 * answers. The receive buffer of a socket has room for this many answers.
 */
const maxQueries = 32
const maxAge = 1000
/** Errors read in one turn. A kernel that never stops to report them must not stop the event loop. */
const maxErrors = 16
/** Queries within this many milliseconds read the binding once, as HTTP agents do. */
const validMs = 1

/** A query that waits for its response. */
export interface OpenQuery {
  readonly query: Query
  answered(response: Response): void
  failed(error: unknown): void
  /** Called for an ICMP error. Anybody can forge one, so the wait continues. */
  unreachable(error: NetviaError): void
}

/** Sending is synchronous, so one is enough. */
const batch = new SendBatch(512)
const noAddress = new Uint8Array()

/**
 * A UDP socket for concurrent queries to one server over one path. The kernel chooses a random source port. The socket is
 * connected, so it receives only packets from the server's address and port (RFC 5452).
 */
export class ServerSocket {
  readonly #server: DnsServer
  readonly #device: string | undefined
  /** The server runs on this machine. */
  readonly #isHere: boolean
  readonly #socket: PacketSocket
  readonly #release: () => void
  readonly #endLossWatch: () => void
  readonly #expires = monotonicNow() + maxAge
  /**
   * Queries by id. No two queries of a socket share one. Undefined: no caller waits any more, but the answer may still
   * come.
   */
  readonly #queries = new Map<number, OpenQuery | undefined>()
  #asked = 0
  #open = 0
  #verifiedAt = monotonicNow()

  constructor(server: DnsServer, path: PathOptions) {
    this.#server = server
    this.#device = path.device
    this.#isHere = recently(`here ${server.address}`, () => isThisMachine(server.address))
    const target = targetOnPath(encodeAddress(server.address, server.port), path.device)
    const family = familyOf(server.address)
    const options = this.#isHere ? { [family === 4 ? 'IP_RECVERR' : 'IPV6_RECVERR']: 1 } : undefined
    const fd = openDescriptor(family, 'datagram', 0, path, undefined, options)
    try {
      const connected = addon().connect(fd, target)
      const errno = connected === 0 && meetsItself(fd, target) ? -ECONNREFUSED : connected
      if (errno < 0) throw connectError(errno, this.#where)
    } catch (error) {
      addon().close(fd)
      throw error
    }
    this.#socket = new PacketSocket(fd, { readable: () => this.read() })
    this.#release = hold()
    this.#endLossWatch = onDeviceLoss(fd, path.device, error => this.#failAll(error))
  }

  /** Whether it accepts another query: one is open, its port is still fresh, and it is bound to its device now. */
  get isUsable(): boolean {
    const now = monotonicNow()
    if (this.#open === 0 || this.#asked >= maxQueries || now > this.#expires) return false
    if (this.#device === undefined || now - this.#verifiedAt < validMs) return true
    this.#verifiedAt = now
    try {
      verifyDevice(this.#socket.fd, this.#device)
      return true
    } catch {
      return false
    }
  }

  /** Whether another query of the socket has this id. */
  has(id: number): boolean {
    return this.#queries.has(id)
  }

  ask(open: OpenQuery): void {
    this.#queries.set(open.query.id, open)
    this.#asked++
    this.#open++
    batch.clear()
    batch.add(encodeQuery(open.query), noAddress)
    let sent = this.#send()
    // The next call reports an ICMP error for an earlier query, whatever that call is. What comes again is this machine's.
    if (this.#asked > 1 && isIcmpError(sent)) {
      const reported = sent
      sent = this.#send()
      if (sent !== reported) this.#report(reported)
      if (this.#socket.closed) return
    }
    if (sent >= 0) return
    this.#take(open.query.id)?.failed(systemError(sent, 'sendmmsg', this.#where))
    this.#closeIfDone()
  }

  #send(): number {
    const { fd } = this.#socket
    return this.#isHere ? batch.send(fd) : sendReported(fd, familyOf(this.#server.address), batch)
  }

  /** The caller no longer waits for this query. Returns false if it was answered just now. */
  giveUp(id: number): boolean {
    // The answer may have arrived while the event loop was busy.
    this.read()
    if (this.#socket.closed || !this.#queries.get(id)) return false
    this.#queries.set(id, undefined)
    this.#open--
    this.#closeIfDone()
    return true
  }

  read(): void {
    let errors = 0
    while (!this.#socket.closed && errors < maxErrors) {
      const count = this.#socket.receive(packet => this.#hear(packet))
      if (count > 0) {
        this.#closeIfDone()
        // Fewer than a batch means that no more were waiting. If more have come since, the poller reports again.
        if (count < SendBatch.capacity) return
      } else if (count === -addon().constants.EAGAIN!) return
      else {
        errors++
        this.#report(count)
      }
    }
  }

  get #where() {
    const { address, port } = this.#server
    return { address, port, device: this.#device }
  }

  #hear(packet: Packet): void {
    const bytes = packet.data
    const id = bytes.length < 2 ? -1 : (bytes[0]! << 8) | bytes[1]!
    const open = this.#queries.get(id)
    if (!open) {
      this.#queries.delete(id)
      return
    }
    // A message longer than its slot has lost its end, and counts as truncated by the server (TC, RFC 1035 section 4.1.1).
    if (packet.field(Field.length) > bytes.length) bytes[2]! |= 0x02
    const response = decodeResponse(bytes, open.query)
    if (response) this.#take(id)?.answered(response)
  }

  #take(id: number): OpenQuery | undefined {
    const open = this.#queries.get(id)
    if (this.#queries.delete(id) && open) this.#open--
    return open
  }

  /** An error that recvmmsg(2) or sendmmsg(2) has reported. It doesn't say which query it is about. */
  #report(errno: number): void {
    const error = systemError(errno, 'recvmmsg', this.#where)
    if (this.#open === 0 || !isIcmpError(errno) || this.#isOwnReport()) {
      this.#failAll(error)
      return
    }
    // A failed query may ask again on this socket.
    for (const open of [...this.#queries.values()]) open?.unreachable(error)
  }

  /**
   * Whether this machine reports that the port of its own server is closed: it knows. Anybody can quote such a packet, but the
   * kernel takes no IPv4 packet with an address of its own, and none with ::1, from outside.
   */
  #isOwnReport(): boolean {
    if (!this.#isHere) return false
    let isOwn = false
    const look = ({ offender }: Packet) => {
      const { family, address = '' } = decodeAddress(offender) ?? {}
      isOwn ||= address === '::1' || (family === 4 && isThisMachine(address))
    }
    while (this.#socket.receive(look, true) > 0);
    return isOwn
  }

  #failAll(error: unknown): void {
    const queries = [...this.#queries.values()]
    this.#queries.clear()
    this.#open = 0
    this.#closeIfDone()
    for (const open of queries) open?.failed(error)
  }

  /**
   * Closes when no query is open, so that the next one gets another port. If answers may still come, the port stays open
   * for a while. Answers from this machine itself need no wait, because no packet leaves it.
   */
  #closeIfDone(): void {
    if (this.#open > 0 || this.#socket.closed) return
    this.#endLossWatch()
    this.#release()
    if (this.#queries.size === 0 || this.#isHere) endLinger(this.#socket)
    else linger(this.#socket)
  }
}
