/** The ranges that can be shown: how far back, and how long a step is, in seconds. */
export interface Range {
  /** As in the address of the page. */
  readonly name: string
  /** As in 'over 7 days'. */
  readonly words: string
  readonly seconds: number
  readonly step: number
}

/** From memory, so only since the monitor started. */
export const recentRanges: readonly Range[] = [
  { name: '5min', words: '5 minutes', seconds: 300, step: 1 },
  { name: '1h', words: 'an hour', seconds: 3600, step: 10 },
  { name: '24h', words: '24 hours', seconds: 86_400, step: 240 },
]

/** From the history file. */
export const pastRanges: readonly Range[] = [
  { name: '7d', words: '7 days', seconds: 7 * 86_400, step: 1800 },
  { name: '30d', words: '30 days', seconds: 30 * 86_400, step: 7200 },
  { name: '90d', words: '90 days', seconds: 90 * 86_400, step: 21_600 },
]

export const ranges = [...recentRanges, ...pastRanges]
