import type { Socket } from 'node:net'
import { monotonicNow } from '../../../monotonic.js'
import { unref } from '../../../runtime/timers.js'
import { descriptorOf } from '../../../sockets/hand-over.js'
import { readTraffic, type Traffic } from '../../../system/multipath/subflows.js'

/** Milliseconds between two readings of a connection that carries data, and of one that carries none. */
const busyPause = 25
const idlePause = 500
/** Milliseconds without progress, besides two round trips, until a connection is silent. */
const silentAfterMs = 80
/** Readings with progress in a row that make a flow. A single answer that ends is no silence. */
const flowReadings = 4

/** Whether a connection is silent: data is under way without an acknowledgement, or a flow of data broke off. Pure. */
export class Silence {
  #last: Traffic = { received: 0, acknowledged: 0, unacknowledged: 0, rttMs: 0 }
  #since = 0
  #flow = 0
  #isQuiet = false

  /** Milliseconds without progress at the last reading. */
  quietMs = 0

  /** Takes a reading. Returns whether the connection is silent now. */
  isSilent(now: number, traffic: Traffic): boolean {
    const last = this.#last
    this.#last = traffic
    const moved = traffic.received !== last.received || traffic.acknowledged !== last.acknowledged
    // What is sent after a pause has waited no longer than since the last reading.
    if (moved || (last.unacknowledged === 0 && traffic.unacknowledged > 0)) this.#since = now
    this.quietMs = now - this.#since
    if (moved) this.#flow = this.#isQuiet ? 1 : this.#flow + 1
    this.#isQuiet = this.quietMs >= silentAfterMs + 2 * traffic.rttMs
    return this.#isQuiet && (traffic.unacknowledged > 0 || this.#flow >= flowReadings)
  }
}

/** Reads the connection's counters until the returned function is called, and calls back at each reading. */
export function watchSilence(socket: Socket, onReading: (silent: boolean, traffic: Traffic) => void): () => void {
  const silence = new Silence()
  let timer: NodeJS.Timeout
  const read = () => {
    const traffic = readTraffic(descriptorOf(socket))
    // The connection closed, or fell back to plain TCP.
    if (!traffic) return
    onReading(silence.isSilent(monotonicNow(), traffic), traffic)
    timer = unref(setTimeout(read, silence.quietMs > 1000 ? idlePause : busyPause))
  }
  timer = unref(setTimeout(read, busyPause))
  return () => clearTimeout(timer)
}
