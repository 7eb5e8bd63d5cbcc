import { addon } from '../binding/addon.js'
import type { NetviaError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import type { DeviceChange } from '../system/netlink/changes.js'
import { apply } from './apply.js'
import { type Entries, type Entry, foreignRules, ourEntries } from './entries.js'
import { openOnlyNetlink } from './kernel-lock.js'
import type { KernelTables } from './kernel-tables.js'
import { RepairLimit, repairPeriod } from './repair-limit.js'

/** Netvia's own routes and rules in the kernel, and the socket that changes them. Only one can be open in a network namespace. */
export class Installed {
  readonly #fd = openOnlyNetlink()
  readonly #repairLimit = new RepairLimit()
  readonly #interference: (message: string) => void
  readonly #later: (ms: number) => void
  #entries: Entries = new Map()
  /** Indexes of devices whose routes the kernel itself may have removed. */
  readonly #disturbed = new Set<number>()

  /** `interference` hears of what others removed, `later` of the time after which to look again. */
  constructor(interference: (message: string) => void, later: (ms: number) => void) {
    this.#interference = interference
    this.#later = later
  }

  /** A new object after every change. */
  get entries(): Entries {
    return this.#entries
  }

  /** Adopts the entries that are there: those of another process that was killed. */
  adopt(kernel: KernelTables): void {
    this.#entries = ourEntries(kernel)
  }

  /** The kernel removes the routes of a device that is switched off or loses its address. `indexes` are the uplinks' devices. */
  follow(change: DeviceChange, indexes: readonly number[]): void {
    if (change.type === 'overrun') for (const index of indexes) this.#disturbed.add(index)
    const isGone = change.type === 'link' ? !change.link.up || change.change === 'removed' : change.type === 'address'
    if (isGone) this.#disturbed.add((change as { index: number }).index)
  }

  /** Compares with the kernel's tables. Missing entries that neither netvia nor the kernel removed were removed by others. */
  compare(kernel: KernelTables, wanted: Entries): void {
    const present = ourEntries(kernel)
    // The kernel doesn't take a second rule that is the same, whoever made the first.
    for (const { id } of foreignRules(kernel)) if (wanted.has(id)) present.set(id, wanted.get(id)!)
    const isThere = (entries: Entries, { id, content }: Entry) => entries.get(id)?.content === content
    const lost = [...wanted.values()].filter(
      entry =>
        isThere(this.#entries, entry) &&
        !isThere(present, entry) &&
        !entry.devices.some(index => this.#disturbed.has(index)),
    )
    this.#disturbed.clear()
    if (lost.length > 0 && !this.#mayRepair(lost)) for (const entry of lost) present.set(entry.id, entry)
    this.#entries = present
  }

  #mayRepair(lost: readonly Entry[]): boolean {
    const what = `another program removed or changed ${lost.map(({ words }) => words).join(', ')}`
    const pause = this.#repairLimit.pause(monotonicNow())
    if (pause === 0) this.#interference(`${what}; it is put back`)
    if (pause === repairPeriod) {
      this.#interference(`${what} again and again; it is put back in ${pause / 1000} s`)
      this.#later(pause)
    }
    return pause === 0
  }

  /** Makes the kernel have these. Returns the first refusal. */
  set(wanted: Entries): NetviaError | undefined {
    const { entries, error } = apply(this.#fd, this.#entries, wanted)
    this.#entries = entries
    return error
  }

  close(): void {
    addon().close(this.#fd)
  }
}
