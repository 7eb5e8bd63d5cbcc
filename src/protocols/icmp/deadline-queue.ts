import type { Probe } from './probe.js'

/** A first-in first-out of probes that wait equally long: the first in is the first due. */
class Lane {
  #probes: Probe[] = []
  #head = 0

  get first(): Probe | undefined {
    return this.#probes[this.#head]
  }

  push(probe: Probe): void {
    this.#probes.push(probe)
  }

  shift(): void {
    this.#head++
    if (this.#head > 1024 && this.#head * 2 > this.#probes.length) {
      this.#probes = this.#probes.slice(this.#head)
      this.#head = 0
    }
  }
}

/** Probes by deadline: a lane for each length of wait, since many wait equally long. Constant cost a probe, no timer. */
export class DeadlineQueue {
  readonly #lanes = new Map<number, Lane>()
  readonly #isOver: (probe: Probe) => boolean

  /** `isOver`: need not be waited for any more. */
  constructor(isOver: (probe: Probe) => boolean) {
    this.#isOver = isOver
  }

  push(probe: Probe, now: number, wait: number): void {
    probe.deadline = now + wait
    let lane = this.#lanes.get(wait)
    if (!lane) {
      lane = new Lane()
      this.#lanes.set(wait, lane)
    }
    // Those that were answered leave with every new one, not only when the timer comes: a sweep would pile them up.
    while (lane.first && this.#isOver(lane.first)) lane.shift()
    lane.push(probe)
  }

  /** The earliest deadline; Infinity if there is none. */
  next(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const [wait, lane] of this.#lanes) {
      while (lane.first && this.#isOver(lane.first)) lane.shift()
      if (lane.first) earliest = Math.min(earliest, lane.first.deadline)
      else this.#lanes.delete(wait)
    }
    return earliest
  }

  expire(now: number, due: (probe: Probe) => void): void {
    for (const lane of this.#lanes.values()) {
      for (let probe = lane.first; probe && probe.deadline <= now; probe = lane.first) {
        lane.shift()
        if (!this.#isOver(probe)) due(probe)
      }
    }
  }
}
