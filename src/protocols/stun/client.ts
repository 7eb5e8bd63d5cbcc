import { isIP, nodeCrypto } from '../../builtins.js'
import { NetviaError, shown, systemError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import type { PathOptions } from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { setImmediate } from '../../runtime/timers.js'
import { isGroup } from '../../sockets/ip.js'
import { deviceDown } from '../../system/device-down.js'
import { isLoopback } from '../../system/reach.js'
import { openReported } from '../udp/open-udp-packets.js'
import { change, type Endpoint, sameEndpoint } from './attributes.js'
import { decodeMessage, encodeMessage, type StunMessage } from './message.js'

/** Milliseconds until the first repetition of a request, which then doubles (RFC 8489 section 6.2.1). */
const retransmission = 500

export interface StunRequest {
  readonly to: Endpoint
  /** The address the answer should come from (CHANGE-REQUEST, RFC 5780). Default: the destination of the request. */
  readonly from?: Endpoint
  /** Milliseconds to wait for an answer. */
  readonly timeout: number
  readonly signal: Signal
}

export interface StunAnswer extends StunMessage {
  readonly mapped: Endpoint
  /** The address the answer came from. */
  readonly source: Endpoint
  /** Measured from the newest request. After a repetition, the answer may belong to an earlier one. */
  readonly rttMs: number
}

type Socket = Awaited<ReturnType<typeof openReported>>

interface Open {
  readonly to: Endpoint
  readonly from: Endpoint
  hear(message: StunMessage, source: Endpoint): void
  fail(error: unknown): void
}

/** Sends Binding requests from one UDP socket, and so from one port. */
export class StunClient {
  readonly #socket: Socket
  readonly #device: string | undefined
  readonly #open = new Map<string, Open>()
  /** The loss of the device, which has closed the socket. */
  #lost: Error | undefined

  private constructor(socket: Socket, device: string | undefined) {
    this.#socket = socket
    this.#device = device
    socket.on('message', (bytes, source) => this.#hear(bytes, source))
    socket.on('error', error => {
      this.#lost = error
      for (const request of this.#open.values()) request.fail(error)
    })
  }

  static async open(path: PathOptions, family: 4 | 6): Promise<StunClient> {
    return new StunClient(await openReported({ ...path, family }), path.device)
  }

  get port(): number {
    return this.#socket.address().port
  }

  close(): void {
    this.#socket.close()
  }

  /** Undefined without an answer in time. Rejects for an error response, or if this machine can't send. */
  request({ to, from = to, timeout, signal }: StunRequest): Promise<StunAnswer | undefined> {
    const transaction = nodeCrypto().randomBytes(12)
    const key = transaction.toString('hex')
    const flags = (from.address === to.address ? 0 : change.address) | (from.port === to.port ? 0 : change.port)
    const bytes = encodeMessage('request', transaction, flags ? { change: flags } : {})
    const end = monotonicNow() + timeout
    return new Promise((resolve, reject) => {
      let sentAt = 0
      let hasLeft = false
      /** A full queue of the device may have room at the next time. */
      let unsent: Error | undefined
      let timer: NodeJS.Timeout | undefined
      const onAbort = () => fail(signal.reason)
      const settle = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        this.#open.delete(key)
      }
      const fail = (error: unknown) => {
        settle()
        reject(error)
      }
      const hear = (message: StunMessage, source: Endpoint) => {
        const { kind, mapped, unknown, error } = message
        settle()
        if (kind === 'success' && mapped && isPossible(mapped, to) && unknown.length === 0)
          resolve({ ...message, mapped, source, rttMs: monotonicNow() - sentAt })
        else
          reject(
            badAnswer(
              error ? `it answered ${error.code} ${shown(error.reason)}` : 'its answer has no possible address',
              to,
            ),
          )
      }
      // By then, everything that arrived while this process was busy has been read.
      const giveUp = () => {
        const notSent = deviceDown('STUN', { ...to, device: this.#device }) ?? (hasLeft ? undefined : unsent)
        if (notSent) return fail(notSent)
        settle()
        resolve(undefined)
      }
      const send = (wait: number) => {
        sentAt = monotonicNow()
        if (sentAt >= end) return void setImmediate(giveUp)
        this.#socket.send(bytes, to.port, to.address).then(
          () => {
            hasLeft = true
          },
          error => {
            unsent = this.#notSent(error, to)
            if (error.code !== 'ENOBUFS') fail(unsent)
          },
        )
        timer = setTimeout(send, Math.min(wait, end - sentAt), wait * 2)
      }
      if (signal.aborted) return reject(signal.reason)
      signal.addEventListener('abort', onAbort)
      this.#open.set(key, { to, from, hear, fail })
      send(retransmission)
    })
  }

  /** Errors without a number are about a refused target. */
  #notSent(error: NetviaError, to: Endpoint): Error {
    if (this.#lost) return this.#lost
    return error.errno ? systemError(error.errno, 'STUN', { ...to, device: this.#device }) : error
  }

  /** Only an answer to an open request, from an expected address, counts. Anybody can send anything else. */
  #hear(bytes: Buffer, source: Endpoint): void {
    const message = decodeMessage(bytes)
    if (!message || message.kind === 'request') return
    const request = this.#open.get(message.transaction.toString('hex'))
    // A server without CHANGE-REQUEST answers from the address that was asked.
    if (request && [request.to, request.from].some(place => sameEndpoint(place, source))) request.hear(message, source)
  }
}

function badAnswer(why: string, { address, port }: Endpoint): NetviaError {
  return new NetviaError(`STUN: the server can't be used: ${why}`, { code: 'ERR_STUN', syscall: 'STUN', address, port })
}

/**
 * Whether a question to `to` can have come from there: from no group, from no port 0, over loopback alone from loopback, and over IPv6
 * also from IPv4, behind a translator (NAT64, RFC 6146).
 */
function isPossible({ address, port }: Endpoint, to: Endpoint): boolean {
  const isElsewhere = !isLoopback(address) || isLoopback(to.address)
  return port > 0 && isIP(address) <= isIP(to.address) && !isGroup(address) && isElsewhere
}
