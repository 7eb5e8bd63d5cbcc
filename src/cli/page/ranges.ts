import { element, part } from './html.js'

export interface Range {
  /** As in the address of the page. */
  name: string
  seconds: number
  /** As in 'over 7 days'. */
  words: string
  /** Only where the monitor writes a history file. */
  needsHistory?: true
}

export const ranges: readonly Range[] = [
  { name: '5min', seconds: 300, words: '5 minutes' },
  { name: '1h', seconds: 3600, words: 'an hour' },
  { name: '24h', seconds: 86_400, words: '24 hours' },
  { name: '7d', seconds: 604_800, words: '7 days', needsHistory: true },
  { name: '30d', seconds: 2_592_000, words: '30 days', needsHistory: true },
  { name: '90d', seconds: 7_776_000, words: '90 days', needsHistory: true },
]

/** The choice of the time shown. */
export class RangeChoice {
  readonly #inputs: HTMLInputElement[]

  constructor(chosen: (range: Range) => void) {
    this.#inputs = ranges.map(({ name, seconds, words, needsHistory }, index) => {
      const input = element('input', { type: 'radio', name: 'range', 'aria-label': words })
      input.checked = index === 0
      const label = element('label', {}, input, element('span', {}, name.replace(/(\D+)$/, ' $1')))
      label.hidden = needsHistory ?? false
      input.addEventListener('change', () => chosen(ranges.find(range => range.seconds === seconds)!))
      part('ranges').append(label)
      return input
    })
  }

  select(range: Range): void {
    this.#inputs[ranges.indexOf(range)]!.checked = true
  }

  /** Days can be shown where they are kept. */
  offerDays(areKept: boolean): void {
    for (const [index, { needsHistory }] of ranges.entries())
      if (needsHistory) this.#inputs[index]!.parentElement!.hidden = !areKept
    part('ranges').title = areKept ? '' : 'Days need "history" in the configuration of the monitor.'
  }
}
