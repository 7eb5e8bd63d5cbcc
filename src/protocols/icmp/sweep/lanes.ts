import type { EchoPath } from '../echo-path.js'
import type { EchoTemplate } from '../echo-template.js'
import { acquirePath, makeTemplate, type PingOptions } from '../ping-options.js'

/** The shared socket of a family, and what is sent over it. */
export interface Lane {
  readonly path: EchoPath
  readonly template: EchoTemplate
  ready: boolean
}

/** Opened with the first target of each family. */
export class Lanes {
  readonly #options: PingOptions
  readonly #opened: () => void
  readonly #lanes = new Map<4 | 6, Lane>()

  /** `opened`: one that was not ready is ready now. */
  constructor(options: PingOptions, opened: () => void) {
    this.#options = options
    this.#opened = opened
  }

  /** @throws NetviaError where no socket can be opened. */
  of(family: 4 | 6): Lane {
    const known = this.#lanes.get(family)
    if (known) return known
    // Without stamps of sending: the time of a batch is true enough here, and they would cost a sixth of the speed.
    const path = acquirePath(family, this.#options, false)
    const lane: Lane = { path, template: makeTemplate(family, this.#options), ready: false }
    this.#lanes.set(family, lane)
    void path.ready.then(() => {
      lane.ready = true
      this.#opened()
    })
    return lane
  }

  get drops(): number {
    let drops = 0
    for (const { path } of this.#lanes.values()) drops += path.drops
    return drops
  }

  close(): void {
    for (const { path } of this.#lanes.values()) path.release()
    this.#lanes.clear()
  }
}
