import { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { addon, Field } from '../../binding/addon.js'
import { invalidArgument, systemError } from '../../errors.js'
import { type CommonOptions, deviceName, ipAddress, isBytes, port as portCheck } from '../../options.js'
import { isolated } from '../../runtime/isolated.js'
import { boundNameOf, decodeAddress, encodeAddress, type SocketAddress } from '../../sockets/address.js'
import { offPath } from '../../sockets/off-path.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { isOfVrf } from '../../sockets/zone.js'
import { targetOnPath } from '../../system/this-host.js'
import { ClosableSocket } from '../closable-socket.js'
import { changeMembership, checkAddress } from './membership.js'
import { type ReplyPath, replyPath6 } from './reply-path.js'

/** How a UDP message arrived. */
export interface UdpMessageInfo {
  /** Address of the sender, with its zone if it is link-local. */
  readonly address: string
  /** Family of the sender's address. */
  readonly family: 4 | 6
  /** Port of the sender. */
  readonly port: number
  /** Address that the message was sent to, with its zone if it is of one link. May be a broadcast address or a group. */
  readonly destination: string
  /**
   * Address that `reply` sends from. It is the destination if that is an address of this machine. For an IPv4 broadcast or group
   * it is the device's address that the kernel prefers for the sender. Undefined for an IPv6 group: the kernel chooses.
   */
  readonly localAddress: string | undefined
  /** Device that the message came in through; undefined if it has been deleted meanwhile. */
  readonly device: string | undefined
  /** TTL or hop limit on arrival, 0-255. */
  readonly ttl: number
}

/** The events of a `UdpPacketSocket`. */
export interface UdpPacketSocketEvents {
  /** A message came in. */
  message: [data: Buffer, info: UdpMessageInfo]
  /** The socket has become unusable, for example with `ENODEV`. `close` follows. */
  error: [error: Error]
  /** The socket is closed. */
  close: []
}

/** The largest UDP message (RFC 768), and the receive buffer that large packets share. */
const largest = 65_507
const slotSize = 65_535 + 64

/**
 * A bound UDP socket whose messages come with the address, the device and the TTL they arrived with. It keeps the event loop
 * alive until closed.
 */
export class UdpPacketSocket extends EventEmitter<UdpPacketSocketEvents> implements Disposable {
  /** Family of its addresses. */
  readonly family: 4 | 6
  readonly #device: string | undefined
  readonly #mark: number | undefined
  readonly #socket: ClosableSocket

  /** @internal `reported`: a send fails if the device's queue is full. Otherwise its message is lost, as with any UDP socket. */
  constructor(fd: number, family: 4 | 6, { device, mark, signal }: CommonOptions, reported = false) {
    super()
    this.family = family
    this.#mark = mark
    this.#device = device
    const settings = { name: 'UDP', device, signal, slotSize, largest, reported: reported ? family : undefined }
    this.#socket = new ClosableSocket(fd, settings, {
      readable: () => this.#read(),
      sendError: errno => systemError(errno, 'sendmsg', { device }),
      lost: error => this.emit('error', error),
      closed: () => this.emit('close'),
    })
  }

  /** Whether the socket is closed. */
  get closed(): boolean {
    return this.#socket.closed
  }

  /** The address and port it is bound to. */
  address(): {
    /** With its zone if it is link-local. */
    address: string
    /** Family of the socket. */
    family: 4 | 6
    /** 1-65535. */
    port: number
  } {
    this.#socket.refuseClosed()
    return boundNameOf(this.#socket.packets.fd)
  }

  /**
   * Sends a message, and resolves when the kernel has accepted it. The kernel chooses the source address.
   *
   * @throws NetviaError `EMSGSIZE`, `ENETUNREACH`, `EACCES` without `broadcast`, …; `ERR_INVALID_ARG_VALUE`; `ERR_ADDRESS_FAMILY`;
   * `ERR_OFF_PATH` for the zone of another device, or an address of the socket's own; `ERR_SOCKET_CLOSED`.
   */
  async send(data: Uint8Array, port: number, address: string): Promise<void> {
    await this.#send('send', data, this.#target('send', port, address))
  }

  /**
   * Answers a message: sends to its sender, from `info.localAddress` and through `info.device`.
   *
   * @throws NetviaError as `send`. `ERR_OFF_PATH` if the message came in through another device than the socket's, or if the IPv6
   * routes take an answer from that address through another device; `ENODEV` if the device has been deleted.
   */
  async reply(info: UdpMessageInfo, data: Uint8Array): Promise<void> {
    if (typeof info !== 'object' || info === null) throw invalidArgument('reply: info', info, 'that of a message')
    const { localAddress, device } = info
    if (device !== undefined) deviceName(device, 'reply: device')
    if (localAddress !== undefined) {
      ipAddress(localAddress, 'reply: localAddress')
      checkAddress('reply', localAddress, this.family, undefined)
    }
    const to = this.#target('reply', info.port, info.address)
    const index = this.#indexFor(device)
    const source = localAddress === undefined ? undefined : encodeAddress(localAddress)
    const from = { source, device: index }
    const isSteered = this.family === 6 && index > 0 && source !== undefined
    await this.#send(
      'reply',
      data,
      to,
      isSteered ? replyPath6(to, { source, device: index }, device!, this.#mark) : from,
    )
  }

  /**
   * Joins a multicast group on a device. Default: the socket's.
   *
   * @throws NetviaError `ENODEV`, `EADDRINUSE` if already joined; `ERR_OFF_PATH` for another device than the socket's.
   */
  addMembership(group: string, device?: string): void {
    this.#change('addMembership', group, device)
  }

  /** Leaves a group. Takes and throws what `addMembership` does; `EADDRNOTAVAIL` if not joined. */
  dropMembership(group: string, device?: string): void {
    this.#change('dropMembership', group, device)
  }

  /** Closes the socket and drops messages waiting to be sent. A second call does nothing. */
  close(): void {
    this.#socket.close()
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  #target(caller: string, port: number, address: string): Uint8Array {
    portCheck(port, `${caller}: port`)
    ipAddress(address, `${caller}: address`)
    checkAddress(caller, address, this.family, this.#device)
    return targetOnPath(encodeAddress(address, port), this.#device)
  }

  #send(caller: string, data: Uint8Array, address: Uint8Array, from?: Partial<ReplyPath>): Promise<void> {
    if (!isBytes(data)) throw invalidArgument(`${caller}: data`, data, 'a Uint8Array')
    this.#socket.refuseClosed()
    return this.#socket.send({ data, address, ...from })
  }

  /**
   * Index of the device that an answer names. A socket with a device needs none. An index would take IPv4 packets past
   * SO_BINDTODEVICE.
   */
  #indexFor(device: string | undefined): number {
    const own = this.#device
    const index = device === undefined ? -1 : addon().deviceIndex(device)
    if (own !== undefined) {
      if (device === own || (index > 0 && isOfVrf(index, own))) return 0
      const hint = 'answer on the socket that the message came to'
      throw offPath(`reply: the message came in through ${device}, and the socket is on ${own}`, hint, own)
    }
    if (index <= 0)
      throw systemError(index < 0 && device !== undefined ? index : -constants.errno.ENODEV, 'reply', { device })
    return index
  }

  #change(caller: 'addMembership' | 'dropMembership', group: string, given = this.#device): void {
    this.#socket.refuseClosed()
    const device = deviceName(given, `${caller}: device`) as string
    if (this.#device !== undefined && device !== this.#device) {
      const hint = 'leave the device out, or open another socket on the device that is meant'
      throw offPath(`${caller}: ${device} is not device ${this.#device}`, hint, this.#device)
    }
    ipAddress(group, `${caller}: group`)
    changeMembership(caller, this.#socket.packets.fd, this.family, device, [group])
  }

  #read(): void {
    const received: [Buffer, UdpMessageInfo][] = []
    const onPacket = (packet: Packet) => {
      const info = infoOf(packet)
      if (info) received.push([Buffer.from(packet.data), info])
    }
    // A few batches, then other sockets have a turn.
    for (let i = 0; i < 4; i++) if (this.#socket.packets.receive(onPacket) < 1) break
    for (const message of received) if (!this.closed) isolated(() => this.emit('message', ...message))
  }
}

function infoOf(packet: Packet): UdpMessageInfo | undefined {
  const sender = decodeAddress(packet.address)
  const bytes = packet.destination
  const destination = decodeAddress(bytes)
  if (!sender || !destination) return undefined
  const name = addon().deviceName(packet.field(Field.device))
  const device = typeof name === 'string' ? name : undefined
  const ttl = packet.field(Field.ttl)
  const localAddress = localOf(bytes, destination)
  return { ...sender, destination: destination.address, localAddress, device, ttl }
}

/** What the kernel would answer from: IPv4 reports it in `sin_zero`; an IPv6 group has none. */
function localOf(bytes: Uint8Array, { family, address }: SocketAddress): string | undefined {
  if (family === 6) return bytes[8] === 0xff ? undefined : address
  return bytes.subarray(8, 12).every(byte => byte === 0) ? undefined : bytes.subarray(8, 12).join('.')
}
