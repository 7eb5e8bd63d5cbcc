import type { RemoteInfo, Socket } from 'node:dgram'
import type { PathOptions } from '../../options.js'
import { openUdp } from '../udp/open-udp.js'
import { change, type Endpoint, type } from './attributes.js'
import { decodeMessage, encodeMessage, type StunMessage } from './message.js'

/** The addresses of a server: one address and port, or two of each (RFC 5780 section 6). */
export interface StunPlace extends PathOptions {
  readonly hosts: readonly string[]
  readonly ports: readonly number[]
}

/**
 * Answers Binding requests (RFC 8489), from another of its addresses and ports if a request asks for it (RFC 5780). It
 * answers only to the source of a request, and never with more than a few words.
 */
export class StunServer {
  readonly #sockets: Socket[][]
  readonly #places: Endpoint[][]

  private constructor(sockets: Socket[][]) {
    this.#sockets = sockets
    this.#places = sockets.map(ofHost => ofHost.map(socket => socket.address()))
    for (const [host, ofHost] of sockets.entries()) {
      for (const [port, socket] of ofHost.entries()) {
        socket.on('message', (bytes, source) => this.#answer(bytes, source, host, port))
        // A client that can't be reached is not an error of the server.
        socket.on('error', () => {})
        // A socket that lost its device is no use without the others.
        socket.on('close', () => this.close())
      }
    }
  }

  static async listen({ hosts, ports, ...path }: StunPlace): Promise<StunServer> {
    const sockets: Socket[][] = []
    const opened: Socket[] = []
    try {
      for (const host of hosts) {
        const ofHost: Socket[] = []
        for (const port of ports) {
          const socket = await openUdp({ ...path, host, port })
          opened.push(socket)
          ofHost.push(socket)
        }
        sockets.push(ofHost)
      }
    } catch (error) {
      for (const socket of opened) socket.close()
      throw error
    }
    return new StunServer(sockets)
  }

  /** The first of its ports. */
  get port(): number {
    return this.#places[0]![0]!.port
  }

  close(): void {
    for (const socket of this.#sockets.flat()) {
      try {
        socket.close()
      } catch {
        // The socket has closed because its device was deleted.
      }
    }
  }

  #answer(bytes: Buffer, source: RemoteInfo, host: number, port: number): void {
    const request = decodeMessage(bytes)
    if (request?.kind !== 'request') return
    const flip = (index: number, flag: number) => (request.change & flag ? 1 - index : index)
    const [fromHost, fromPort] = [flip(host, change.address), flip(port, change.port)]
    const origin = this.#places[fromHost]?.[fromPort]
    const answer = encodeAnswer(request, source, origin, this.#places[1 - host]?.[1 - port])
    const sender = origin ? this.#sockets[fromHost]![fromPort]! : this.#sockets[host]![port]!
    sender.send(answer, source.port, source.address, () => {})
  }
}

/** Beyond this an answer could be much larger than its request. */
const mostTold = 8

function encodeAnswer(
  { transaction, unknown }: StunMessage,
  { address, port }: Endpoint,
  origin: Endpoint | undefined,
  other: Endpoint | undefined,
): Buffer {
  // RFC 8489 section 6.3.1, and RFC 5780 section 6.1 for a missing address.
  const refused = origin ? unknown : [...unknown, type.changeRequest]
  if (refused.length) {
    const error = { code: 420, reason: 'Unknown Attribute' }
    return encodeMessage('error', transaction, { error, unknown: refused.slice(0, mostTold) })
  }
  // A server at the unspecified address doesn't know the address that it answers from.
  return encodeMessage('success', transaction, { mapped: { address, port }, origin: other && origin, other })
}
