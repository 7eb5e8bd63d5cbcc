import type { Probe } from './probe.js'

const sequences = 0x10000
/** Numbers in use that are stepped over in search of a free one, before the table counts as full. */
const patience = 256

/** Probes by sequence number. One whose time is over stays, so that its duplicates are known, until its number is needed. */
export class SequenceTable {
  readonly #probes: (Probe | undefined)[] = []
  #next = 0

  get(sequence: number): Probe | undefined {
    return this.#probes[sequence]
  }

  /** Gives it the next number, in turn; false where all are in use. */
  insert(probe: Probe): boolean {
    for (let i = 0; i < patience; i++) {
      const sequence = this.#next
      this.#next = (sequence + 1) % sequences
      if (this.#probes[sequence]?.inUse) continue
      probe.sequence = sequence
      probe.inUse = true
      this.#probes[sequence] = probe
      return true
    }
    return false
  }

  free(probe: Probe): void {
    probe.inUse = false
  }

  /** Nothing of it will be known any more. False if it isn't here. */
  remove(probe: Probe): boolean {
    if (this.#probes[probe.sequence] !== probe) return false
    probe.inUse = false
    this.#probes[probe.sequence] = undefined
    return true
  }

  pending(): Probe[] {
    return this.#probes.filter((probe): probe is Probe => probe !== undefined && probe.outcome === undefined)
  }
}
