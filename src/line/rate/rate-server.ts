import type { Server, Socket } from 'node:net'
import { nodeCrypto } from '../../builtins.js'
import { monotonicNow } from '../../monotonic.js'
import type { PathOptions } from '../../options.js'
import { listen } from '../../protocols/tcp/listen.js'
import { Cancel } from '../../runtime/cancel.js'
import { Secret } from '../../runtime/secret.js'
import { Channel, type Message, proofOf, protocolName } from './channel.js'
import { activeMs, encodeSamples, type LoadSample } from './load-sample.js'
import { longestLoad, mostConnections } from './rate-limits.js'
import { reset, sendLoad } from './send-load.js'

export interface RatePlace extends PathOptions {
  readonly hosts: readonly string[]
  readonly port: number
  readonly token: string
  /** Payload bytes of each direction of one measurement. */
  readonly maxBytes: number
}

/** Connections that have not proved anything yet. */
const mostStrangers = 32
/** Milliseconds for a connection to say what it wants. */
const helloMs = 5000
/** Milliseconds between the parts of a measurement: pings are awaited there, and full queues. */
const pauseMs = 15_000
/**
 * A client that was cut off makes room for the next after 8 s: the keepalive probes of a connection without data under way, and the
 * limit for data that nothing acknowledges. A queue of several seconds holds an answer back for less.
 */
const liveness = { keepAlive: { idle: 2000, interval: 2000, count: 3 }, userTimeout: 8000 }
/** Characters of the longest request. */
const longestRequest = 512

interface Session {
  readonly id: Secret
  readonly control: Channel
  readonly bytes: number
  readonly carriers: { readonly down: Socket[]; readonly up: Socket[] }
}

/**
 * The other end of `measureRate`. Only a client that has answered over TCP with a proof of the token gets any load, and nothing is
 * sent anywhere else. There is one measurement at a time: two would measure each other.
 */
export class RateServer {
  readonly #place: RatePlace
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  #strangers = 0
  #session: Session | undefined

  private constructor(place: RatePlace) {
    this.#place = place
  }

  static async listen(place: RatePlace): Promise<RateServer> {
    const { hosts, port, device, localAddress, mark, tos } = place
    const server = new RateServer(place)
    try {
      for (const host of hosts) {
        const options = { device, localAddress, mark, tos, host, port, ...liveness }
        const listener = await listen(options, socket => void server.#accept(socket))
        server.#servers.push(listener)
        // One that lost its device is no use without the others.
        listener.on('error', () => server.close()).on('close', () => server.close())
      }
    } catch (error) {
      server.close()
      throw error
    }
    return server
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  async #accept(socket: Socket): Promise<void> {
    // A client that vanishes is none of our business.
    socket.on('error', () => {})
    if (this.#strangers >= mostStrangers) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    const channel = new Channel(socket, longestRequest)
    let request: Message
    const nonce = nodeCrypto().randomBytes(16).toString('hex')
    this.#strangers++
    try {
      channel.send({ protocol: protocolName, nonce })
      request = await channel.receive(helloMs)
    } catch {
      channel.close()
      return
    } finally {
      this.#strangers--
    }
    if (request.do === 'carry') this.#carry(channel, request)
    else await this.#measure(channel, request, nonce)
  }

  /** A connection of the running measurement. */
  #carry(channel: Channel, { session: id, direction }: Message): void {
    const session = this.#session
    const isOurs = session && typeof id === 'string' && session.id.is(id)
    if (!isOurs || (direction !== 'down' && direction !== 'up')) {
      channel.close()
      return
    }
    if (session.carriers[direction].length >= mostConnections) {
      channel.close()
      return
    }
    const socket = channel.release()
    session.carriers[direction].push(socket)
    channel.send({ ready: true })
    // What is sent to us is counted by the sender, and only bounded here.
    socket.on('data', () => {
      const received = session.carriers.up.reduce((total, { bytesRead }) => total + bytesRead, 0)
      if (direction === 'down' || received > session.bytes + longestRequest * mostConnections) session.control.close()
    })
  }

  async #measure(control: Channel, request: Message, nonce: string): Promise<void> {
    const refused = this.#refusal(request, nonce)
    if (refused !== undefined) {
      control.send({ refused })
      control.end()
      return
    }
    const id = nodeCrypto().randomBytes(16).toString('hex')
    const milliseconds = Math.min(Number(request.milliseconds), longestLoad)
    const bytes = Math.min(Number(request.bytes), this.#place.maxBytes)
    const session: Session = { id: new Secret(id), control, bytes, carriers: { down: [], up: [] } }
    this.#session = session
    try {
      control.send({ session: id, milliseconds, bytes })
      await this.#down(session, milliseconds)
      await this.#up(session, milliseconds)
      // The client ends it, once it has all.
      await control.receive(pauseMs)
    } catch {
      // The client has vanished, or speaks something else.
    } finally {
      control.close()
      reset([...session.carriers.down, ...session.carriers.up])
      this.#session = undefined
    }
  }

  #refusal({ do: what, proof, milliseconds, bytes }: Message, nonce: string): string | undefined {
    if (what !== 'measure' || !isPositive(milliseconds) || !isPositive(bytes))
      return 'it does not understand the request'
    const isKnown = typeof proof === 'string' && new Secret(proofOf(this.#place.token, nonce)).is(proof)
    if (!isKnown) return 'the token is another one'
    return this.#session ? 'it is measuring another line' : undefined
  }

  async #down({ control, carriers, bytes }: Session, milliseconds: number): Promise<void> {
    const { start } = await control.receive(pauseMs)
    if (start !== 'down' || carriers.down.length === 0) throw new Error('unexpected')
    const cancel = new Cancel()
    const stop = this.#whenClosed(control, cancel)
    let samples: LoadSample[]
    try {
      samples = await sendLoad(carriers.down, { milliseconds, bytes, signal: cancel })
    } finally {
      clearInterval(stop)
      // Before the report, which makes the client close its ends: its kernel would answer what comes after that.
      reset(carriers.down)
    }
    control.send({ samples: encodeSamples(samples) })
  }

  /** A client that has gone gets no more. */
  #whenClosed(control: Channel, cancel: Cancel): NodeJS.Timeout {
    return setInterval(() => control.closed && cancel.abort(new Error('closed')), 100)
  }

  async #up({ control, carriers }: Session, milliseconds: number): Promise<void> {
    const { start } = await control.receive(pauseMs)
    if (start !== 'up') throw new Error('unexpected')
    const [began, active] = [monotonicNow(), activeMs()]
    await control.receive(milliseconds + pauseMs)
    // If the client did it, its kernel would answer what still comes from here, and not by the client's device.
    reset(carriers.up)
    control.send({ active: (activeMs() - active) / (monotonicNow() - began) })
  }
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0
}
