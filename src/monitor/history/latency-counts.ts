/** Steps of 2 %: what is read is within 1 % of what was measured. */
const step = Math.log(1.02)
/** The number of the step at 1 ms; below it there is room down to a microsecond. */
const offset = 400

/** Latencies, counted by steps of 2 %: all percentiles of a month from some numbers a minute. */
export class LatencyCounts {
  readonly #counts = new Map<number, number>()

  add(ms: number): void {
    this.#count(offset + Math.round(Math.log(Math.max(ms, 0.001)) / step), 1)
  }

  /** Two bytes for each step and its count, in the order of the steps. */
  toBytes(): Uint8Array {
    const pairs = this.#sorted().flatMap(([place, count]) => [place, Math.min(count, 0xffff)])
    return new Uint8Array(Uint16Array.from(pairs).buffer)
  }

  /** Adds what `toBytes` gave. */
  addBytes(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at + 4 <= bytes.byteLength; at += 4)
      this.#count(view.getUint16(at, true), view.getUint16(at + 2, true))
  }

  addAll(other: LatencyCounts): void {
    for (const [place, count] of other.#counts) this.#count(place, count)
  }

  /** In ms, by nearest rank; undefined without any. `share`: 0 is the shortest, 1 the longest. */
  percentile(share: number): number | undefined {
    const sorted = this.#sorted()
    const total = sorted.reduce((sum, [, count]) => sum + count, 0)
    let left = Math.max(1, Math.ceil(share * total))
    for (const [place, count] of sorted) {
      left -= count
      if (left <= 0) return Math.exp((place - offset) * step)
    }
    return undefined
  }

  #count(place: number, count: number): void {
    this.#counts.set(place, (this.#counts.get(place) ?? 0) + count)
  }

  #sorted(): [place: number, count: number][] {
    return [...this.#counts].sort(([a], [b]) => a - b)
  }
}
