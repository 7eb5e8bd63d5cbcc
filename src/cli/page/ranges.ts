import { pastRanges, type Range, ranges } from '../monitor/web/ranges.js'
import { element, part } from './html.js'

/** The buttons that choose the range. */
export class RangeChoice {
  readonly #inputs: HTMLInputElement[]

  constructor(chosen: (range: Range) => void) {
    this.#inputs = ranges.map((range, index) => {
      const { name, words } = range
      const input = element('input', { type: 'radio', name: 'range', 'aria-label': words })
      input.checked = index === 0
      const label = element('label', {}, input, element('span', {}, name.replace(/(\D+)$/, ' $1')))
      label.hidden = pastRanges.includes(range)
      input.addEventListener('change', () => chosen(range))
      part('ranges').append(label)
      return input
    })
  }

  select(range: Range): void {
    this.#inputs[ranges.indexOf(range)]!.checked = true
  }

  /** Offers ranges of days if they are recorded. */
  offerDays(areKept: boolean): void {
    for (const range of pastRanges) this.#inputs[ranges.indexOf(range)]!.parentElement!.hidden = !areKept
    part('ranges').title = areKept ? '' : 'Days need "history" in the configuration of the monitor.'
  }
}
