import type { CheckEvent, UplinkSnapshot } from '../../monitor/record/event-types.js'
import type { CheckHistory, UplinkHistory } from '../monitor/web/history-report.js'
import { Chart } from './chart.js'
import { dayTime, milliseconds, percent } from './format.js'
import { element, say } from './html.js'

type Statistics = UplinkSnapshot['statistics'][number]

const figures = ['Median', 'Min', 'p95', 'Jitter', 'Loss'] as const

/** One check of an uplink: its state, figures and chart. The figures are also the chart's legend. */
export class CheckView {
  readonly root = element('section', { class: 'check' })
  readonly #title = element('h3')
  readonly #error = element('p', { class: 'error' })
  readonly #when = element('span', { class: 'when' })
  readonly #values = figures.map(() => element('dd'))
  readonly #place = element('div', { class: 'chart', role: 'img' })
  readonly #empty = element('p', { class: 'empty', role: 'note' })
  #chart: Chart | undefined
  #statistics: Statistics | undefined
  #history: UplinkHistory | undefined
  #check: CheckHistory | undefined
  #pointed: number | null = null

  constructor() {
    const list = element('dl', { class: 'figures' })
    for (const [index, name] of figures.entries())
      list.append(element('div', { 'data-figure': name }, element('dt', {}, name), this.#values[index]!))
    const head = element('div', { class: 'check-head' }, this.#title, this.#when)
    this.root.append(head, this.#error, list, element('div', { class: 'plot' }, this.#place, this.#empty))
  }

  update(check: CheckEvent | null, statistics: Statistics): void {
    this.#statistics = statistics
    this.root.dataset.ok = check ? String(check.ok) : ''
    say(this.#title, check ? `${check.type} ${check.target}` : 'not checked yet')
    say(this.#error, check?.error ?? '')
    this.#showFigures()
    this.#place.setAttribute(
      'aria-label',
      `${this.#title.textContent} over time: median ${milliseconds(statistics.p50Ms)}, loss ${percent(statistics.lossRatio)}`,
    )
  }

  /** Shows the check's history; undefined: it is not loaded yet. */
  show(history: UplinkHistory | undefined, check: CheckHistory | undefined, message: string): void {
    this.#history = history
    this.#check = check
    const isEmpty = !check || [...check.medianMs, ...check.lossRatio].every(value => value === null)
    say(this.#empty, isEmpty ? message : '')
    if (!history || !check) this.hide()
    else if (this.#chart) this.#chart.show(history, check)
    else this.#chart = new Chart(this.#place, history, check, step => this.#point(step))
    this.#showFigures()
  }

  hide(): void {
    this.#chart?.end()
    this.#chart = undefined
    this.#pointed = null
  }

  #point(step: number | null): void {
    this.#pointed = step
    this.#showFigures()
  }

  /** Shows the figures of the step under the pointer. Without one, it shows those of the last minute. */
  #showFigures(): void {
    const step = this.#pointed
    const [history, check] = [this.#history, this.#check]
    if (step !== null && history && check && step < history.state.length) {
      say(this.#when, dayTime((history.from + step * history.step) * 1000))
      const { medianMs, minMs, p95Ms, jitterMs, lossRatio } = check
      this.#say(
        [medianMs, minMs, p95Ms, jitterMs].map(column => column[step] ?? null),
        lossRatio[step] ?? null,
      )
    } else if (this.#statistics) {
      say(this.#when, 'now')
      const { p50Ms, minMs, p95Ms, jitterMs, lossRatio } = this.#statistics
      this.#say([p50Ms, minMs, p95Ms, jitterMs], lossRatio)
    }
  }

  #say(times: (number | null)[], loss: number | null): void {
    for (const [index, text] of [...times.map(milliseconds), percent(loss)].entries()) say(this.#values[index]!, text)
  }
}
