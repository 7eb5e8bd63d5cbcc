import { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { addon } from '../../../binding/addon.js'
import { NetviaError, systemError } from '../../../errors.js'
import {
  type CommonOptions,
  checkOptions,
  commonSchema,
  ipAddress,
  oneOf,
  pathOf,
  type Schema,
} from '../../../options.js'
import { isolated } from '../../../runtime/isolated.js'
import { encodeAddress, familyOf } from '../../../sockets/address.js'
import { setOption } from '../../../sockets/options.js'
import type { Packet } from '../../../sockets/receive-buffer.js'
import { targetOnPath } from '../../../system/this-host.js'
import { ClosableSocket } from '../../closable-socket.js'
import { encode, messageCheck } from '../packet/encode.js'
import type { DecodedMessage, IcmpMessage } from '../packet/message.js'
import { type IcmpKind, openIcmpDescriptor } from './open-icmp-descriptor.js'
import { type MessageInfo, readErrorReport, readMessage } from './received-message.js'

/** Options of `openIcmp`. */
export interface OpenIcmpOptions extends CommonOptions {
  /** 4: ICMP (RFC 792). 6: ICMPv6 (RFC 4443). */
  family: 4 | 6
  /**
   * `raw` sees and sends every ICMP message. `datagram` handles only its own echo messages. Default `auto`: datagram, else raw.
   */
  kind?: 'auto' | IcmpKind
}

/** The events of an `IcmpSocket`. */
export interface IcmpSocketEvents {
  /** A message came in. */
  message: [message: DecodedMessage, info: MessageInfo]
  /** The socket has become unusable, for example with `ENODEV`. `close` follows. */
  error: [error: Error]
  /** The socket is closed. */
  close: []
}

const schema: Schema = { ...commonSchema, family: oneOf(4, 6), kind: oneOf('auto', 'datagram', 'raw') }
const { EINVAL } = constants.errno
/** The largest ICMP message an IP packet holds. */
const largest = 65_535

/**
 * Opens a socket for ICMP messages of any kind, like Go's `icmp.ListenPacket`. It keeps the event loop alive until closed.
 *
 * @throws NetviaError `EPERM` or `EACCES` without permission (the `hint` says how to get it); `ENODEV` if the device doesn't
 * exist; `ERR_INVALID_ARG_VALUE`; `signal.reason` if already aborted. A signal that fires later closes the socket.
 */
export function openIcmp(given: OpenIcmpOptions): IcmpSocket {
  const options = checkOptions('openIcmp', given, schema, ['family'])
  options.signal?.throwIfAborted()
  return new IcmpSocket(options)
}

/**
 * Events: `message` (message, { address, ttl }); `error` when the device is deleted, followed by `close`. ICMP errors about the
 * socket's own echo requests are messages too, on either kind of socket.
 */
export class IcmpSocket extends EventEmitter<IcmpSocketEvents> implements Disposable {
  /** Family it was opened with. */
  readonly family: 4 | 6
  /** The kind that was opened, `raw` or `datagram`. */
  readonly kind: IcmpKind
  readonly #device: string | undefined
  readonly #socket: ClosableSocket

  /** @internal */
  constructor({ family, kind = 'auto', signal, ...path }: OpenIcmpOptions) {
    super()
    const opened = openIcmpDescriptor(family, kind, pathOf(path))
    this.family = family
    this.kind = opened.kind
    this.#device = path.device
    try {
      // A raw socket receives errors as messages. The error queue would deliver them a second time.
      if (opened.kind === 'raw') setOption(opened.fd, family === 4 ? 'IP_RECVERR' : 'IPV6_RECVERR', 0)
    } catch (error) {
      addon().close(opened.fd)
      throw error
    }
    const reported = opened.kind === 'raw' ? family : undefined
    const settings = { name: 'ICMP', device: path.device, signal, slotSize: largest + 64, largest, reported }
    this.#socket = new ClosableSocket(opened.fd, settings, {
      readable: () => this.#read(),
      sendError: errno => this.#sendError(errno),
      lost: error => this.emit('error', error),
      closed: () => this.emit('close'),
    })
  }

  /** Whether the socket is closed. */
  get closed(): boolean {
    return this.#socket.closed
  }

  /**
   * Sends a message, and resolves when the kernel has accepted it. netvia or the kernel computes checksums. A datagram socket
   * replaces the message's identifier with its own.
   *
   * @throws NetviaError `EINVAL` from a datagram socket for anything but an echo request; `EMSGSIZE`, `ENETUNREACH`, `EPERM`,
   * …; `ERR_INVALID_ARG_VALUE` for an invalid message or the zone of another device; `ERR_OFF_PATH` for an address of the device itself;
   * `ERR_SOCKET_CLOSED`.
   */
  async send(message: IcmpMessage, address: string): Promise<void> {
    messageCheck(message)
    ipAddress(address, 'send: address')
    if (familyOf(address) !== this.family || message.family !== this.family) {
      throw new NetviaError(`the socket, the message and ${address} must be of one family`, {
        code: 'ERR_ADDRESS_FAMILY',
        address,
      })
    }
    this.#socket.refuseClosed()
    const bytes = encode(message)
    const target = targetOnPath(encodeAddress(address), this.#device)
    await this.#socket.send({ data: bytes, address: target })
  }

  /** Closes the socket and drops messages waiting to be sent. A second call does nothing. */
  close(): void {
    this.#socket.close()
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  #sendError(errno: number): NetviaError {
    const hint =
      errno === -EINVAL && this.kind === 'datagram'
        ? "datagram sockets send echo requests only; try kind: 'raw'"
        : undefined
    return systemError(errno, 'sendmsg', { device: this.#device, hint })
  }

  #read(): void {
    const received: [DecodedMessage, MessageInfo][] = []
    const onMessage = (packet: Packet) => add(readMessage(packet, this.family, this.kind))
    const onReport = (packet: Packet) => add(readErrorReport(packet, this.family))
    const add = (message: [DecodedMessage, MessageInfo] | undefined) => message && received.push(message)
    this.#readAll(onMessage, false)
    this.#readAll(onReport, true)
    for (const message of received) if (!this.closed) isolated(() => this.emit('message', ...message))
  }

  /** Reads a few batches, then gives other sockets a turn. */
  #readAll(onPacket: (packet: Packet) => void, errors: boolean): void {
    for (let i = 0; i < 16; i++) {
      if (this.#socket.packets.receive(onPacket, errors) === -addon().constants.EAGAIN!) return
    }
  }
}
