interface Columns {
  /** From when on each probe waits. It does not go back from one `push` to the next. */
  readonly sentMonotonic: Float64Array
  readonly next: Int32Array
  readonly previous: Int32Array
  /** Number of the lane a probe is in, from 1; 0 for none. */
  readonly lane: Int32Array
}

/** A first-in first-out of probes that wait equally long: the first in is the first due. Ends are -1. */
interface Lane {
  readonly wait: number
  first: number
  last: number
}

/**
 * Probes, by their place in the table, in the order of their deadlines: a lane for each length of wait, since many wait equally long.
 * A lane is a list linked by two columns: a probe comes and goes at constant cost, without an object or a timer of its own.
 */
export class DeadlineQueue {
  readonly #columns: Columns
  readonly #lanes: Lane[] = []
  readonly #byWait = new Map<number, number>()

  constructor(columns: Columns) {
    this.#columns = columns
  }

  push(probe: number, wait: number): void {
    const number = this.#byWait.get(wait) ?? this.#openLane(wait)
    const lane = this.#lanes[number - 1]!
    this.#columns.lane[probe] = number
    this.#columns.previous[probe] = lane.last
    this.#columns.next[probe] = -1
    if (lane.last < 0) lane.first = probe
    else this.#columns.next[lane.last] = probe
    lane.last = probe
  }

  /** It need not be waited for any more. */
  remove(probe: number): void {
    const number = this.#columns.lane[probe]!
    if (number === 0) return
    this.#columns.lane[probe] = 0
    const lane = this.#lanes[number - 1]!
    const next = this.#columns.next[probe]!
    const previous = this.#columns.previous[probe]!
    if (previous < 0) lane.first = next
    else this.#columns.next[previous] = next
    if (next < 0) lane.last = previous
    else this.#columns.previous[next] = previous
  }

  /** The earliest deadline; Infinity if there is none. */
  next(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { first, wait } of this.#lanes) {
      if (first >= 0) earliest = Math.min(earliest, this.#columns.sentMonotonic[first]! + wait)
    }
    return earliest
  }

  expire(now: number, due: (probe: number) => void): void {
    for (const lane of this.#lanes) {
      for (
        let probe = lane.first;
        probe >= 0 && this.#columns.sentMonotonic[probe]! + lane.wait <= now;
        probe = lane.first
      ) {
        this.remove(probe)
        due(probe)
      }
    }
  }

  /** An empty lane is taken for another length of wait: there are no more lanes than probes. */
  #openLane(wait: number): number {
    const free = this.#lanes.findIndex(({ first }) => first < 0)
    const lane = { wait, first: -1, last: -1 }
    if (free < 0) {
      this.#byWait.set(wait, this.#lanes.push(lane))
      return this.#lanes.length
    }
    this.#byWait.delete(this.#lanes[free]!.wait)
    this.#lanes[free] = lane
    this.#byWait.set(wait, free + 1)
    return free + 1
  }
}
