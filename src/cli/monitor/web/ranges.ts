/** What can be looked at: so far back, in steps of so long, in seconds. */
export interface Range {
  readonly seconds: number
  readonly step: number
}

/** From memory: since the monitor has started. */
export const recentRanges: readonly Range[] = [
  { seconds: 300, step: 1 },
  { seconds: 3600, step: 10 },
  { seconds: 86_400, step: 240 },
]

/** From the history file. */
export const pastRanges: readonly Range[] = [
  { seconds: 7 * 86_400, step: 1800 },
  { seconds: 30 * 86_400, step: 7200 },
  { seconds: 90 * 86_400, step: 21_600 },
]
