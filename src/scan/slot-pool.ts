import { constants } from 'node:os'
import type { NetviaError } from '../errors.js'
import type { PathOptions } from '../options.js'
import { ScanSlot } from './scanner-slot.js'

const { EMFILE, ENFILE } = constants.errno

/** The descriptors of a scan: idle ones by family, and those in use. */
export class SlotPool {
  readonly #path: PathOptions
  readonly #maximum: number
  readonly #slots = new Set<ScanSlot>()
  readonly #idle: Record<4 | 6, ScanSlot[]> = { 4: [], 6: [] }

  constructor(path: PathOptions, maximum: number) {
    this.#path = path
    this.#maximum = maximum
  }

  get size(): number {
    return this.#slots.size
  }

  /** Any descriptor bound to the device. */
  get descriptor(): number | undefined {
    for (const { fd } of this.#slots) return fd
    return undefined
  }

  /**
   * An idle slot, or a new one. Returns the error if no descriptor is available.
   *
   * @throws NetviaError for any other failure.
   */
  take(family: 4 | 6): ScanSlot | NetviaError {
    const idle = this.#idle[family].pop()
    if (idle) return idle
    if (this.#slots.size >= this.#maximum) this.#discardOther(family)
    for (;;) {
      try {
        const slot = new ScanSlot(family, this.#path)
        this.#slots.add(slot)
        return slot
      } catch (error) {
        const { errno } = error as NetviaError
        if (errno !== -EMFILE && errno !== -ENFILE) throw error
        if (!this.#discardOther(family)) return error as NetviaError
      }
    }
  }

  giveBack(slot: ScanSlot): void {
    this.#idle[slot.family].push(slot)
  }

  close(): void {
    for (const slot of this.#slots) slot.close()
  }

  /** Closes an idle slot of the other family; false if there is none. */
  #discardOther(family: 4 | 6): boolean {
    const slot = this.#idle[family === 4 ? 6 : 4].pop()
    if (!slot) return false
    this.#slots.delete(slot)
    slot.close()
    return true
  }
}
