import type { ScanSlot } from './scanner-slot.js'

/** Attempts waiting for an answer, oldest first. All have the same timeout, so the oldest expires first. */
export class ScanQueue {
  #oldest: ScanSlot | undefined
  #newest: ScanSlot | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get oldest(): ScanSlot | undefined {
    return this.#oldest
  }

  push(slot: ScanSlot): void {
    slot.older = this.#newest
    if (this.#newest) this.#newest.newer = slot
    else this.#oldest = slot
    this.#newest = slot
    this.#size++
  }

  remove(slot: ScanSlot): void {
    if (slot.older) slot.older.newer = slot.newer
    else this.#oldest = slot.newer
    if (slot.newer) slot.newer.older = slot.older
    else this.#newest = slot.older
    slot.older = undefined
    slot.newer = undefined
    this.#size--
  }
}
