import type { Socket } from 'node:net'
import { monotonicNow } from '../../../monotonic.js'
import { OverSocket } from '../over-socket.js'

/** In bytes. What this monitor has announced itself is a kilobyte, and everything else it asks for is a word. */
const longest = 65_536
/** Packets within a period, in ms. A broker acknowledges and sends back a few for each uplink, and not all at the same time. */
const mostPackets = 20_000
const period = 10_000
const publish = 3
/** CONNACK, PUBLISH, PUBACK, SUBACK and PINGRESP (MQTT 3.1.1 section 2.2.1): what a broker has to say to this monitor. */
const expected = new Set([2, publish, 4, 9, 13])

/**
 * The connection as the client sees it. It ends if the broker sends a packet that nothing asked for, one that is too long, one that has to
 * be kept, or packets without end: the client would throw, collect up to 256 MB of a packet and any number of messages of quality 2, and read
 * so many packets that no check gets its turn. This monitor publishes with quality 1 at most, and subscribes with quality 0 alone (section
 * 3.8.4).
 */
export class LimitedStream extends OverSocket {
  readonly #packets = new Packets()

  constructor(socket: Socket) {
    super(socket)
    socket
      .on('data', (chunk: Buffer) => this.#receive(chunk))
      .on('end', () => this.push(null))
      .on('error', error => this.destroy(error))
      .on('close', () => this.destroy())
  }

  /** The client gets no part of a chunk with a fault. */
  #receive(chunk: Buffer): void {
    const fault = this.#packets.faultIn(chunk)
    if (fault !== undefined) this.destroy(new Error(`the broker sent ${fault}`))
    else if (!this.push(chunk)) this.carrier.pause()
  }

  override _read(): void {
    this.carrier.resume()
  }
}

/** Reads no more than the fixed header of each packet (section 2.2). */
export class Packets {
  /** Bytes of the fixed header so far. */
  #place = 0
  #length = 0
  /** Bytes of the packet still to come. */
  #rest = 0
  #count = 0
  #countedFrom = monotonicNow()

  /** What is wrong with the packets so far, in words. */
  faultIn(chunk: Uint8Array): string | undefined {
    const now = monotonicNow()
    if (now - this.#countedFrom >= period) {
      this.#countedFrom = now
      this.#count = 0
    }
    for (let at = 0; at < chunk.length; ) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, chunk.length - at)
        this.#rest -= taken
        at += taken
        continue
      }
      const byte = chunk[at++]!
      if (this.#place++ === 0) {
        if (++this.#count > mostPackets) return `more than ${mostPackets} packets in ${period / 1000} s`
        if (!expected.has(byte >> 4)) return 'a packet that nothing asked for'
        if (byte >> 4 === publish && (byte & 0x06) !== 0) return 'a message of a quality that was not asked for'
        this.#length = 0
        continue
      }
      this.#length += (byte & 0x7f) * 128 ** (this.#place - 2)
      if (this.#length > longest || this.#place > 5) return `a packet of more than ${longest} bytes`
      if (byte & 0x80) continue
      this.#rest = this.#length
      this.#place = 0
    }
    return undefined
  }
}
