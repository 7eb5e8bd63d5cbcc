import type { CheckEvent, UplinkSnapshot } from '../../monitor/record/reports.js'
import { Chart } from './chart.js'
import { duration, milliseconds, percent } from './format.js'
import { element, say } from './html.js'
import type { Timelines } from './timeline.js'

/** What there is to see of one uplink. */
export class Card {
  readonly root = element('article', { class: 'uplink' })
  readonly #name: string
  readonly #device = element('span', { class: 'device' })
  readonly #badge = element('span', { class: 'badge' })
  readonly #reason = element('p', { class: 'reason' })
  readonly #latency = element('dd')
  readonly #loss = element('dd')
  readonly #lasting = element('dd')
  readonly #place = element('div', { class: 'chart', role: 'img' })
  readonly #checks = element('ul', { class: 'checks' })
  readonly #visibility: IntersectionObserver
  #timelines: Timelines | undefined
  #chart: Chart | undefined

  constructor(name: string) {
    this.#name = name
    const fact = (title: string, value: HTMLElement) => element('div', {}, element('dt', {}, title), value)
    this.root.append(
      element('div', { class: 'name' }, element('h2', {}, name), this.#device, this.#badge),
      this.#reason,
      element(
        'dl',
        { class: 'facts' },
        fact('Latency', this.#latency),
        fact('Loss', this.#loss),
        fact('In this state', this.#lasting),
      ),
      this.#place,
      this.#checks,
    )
    // Of hundreds only those that are looked at are drawn.
    this.#visibility = new IntersectionObserver(entries => this.#seen(entries.at(-1)!.isIntersecting))
    this.#visibility.observe(this.#place)
  }

  update({ device, state, since, reason, latencyMs, lossRatio, flapping, checks }: UplinkSnapshot, at: number): void {
    this.root.dataset.state = state
    say(this.#device, device ?? '')
    say(this.#badge, flapping ? `${state}, flapping` : state)
    say(this.#reason, reason)
    say(this.#latency, milliseconds(latencyMs))
    say(this.#loss, percent(lossRatio))
    say(this.#lasting, duration(at - since))
    this.#place.setAttribute(
      'aria-label',
      `${this.#name} over time: latency ${milliseconds(latencyMs)}, loss ${percent(lossRatio)}`,
    )
    while (this.#checks.children.length < checks.length) this.#checks.append(row())
    for (const [index, check] of checks.entries()) describe(this.#checks.children[index]!, check)
  }

  show(timelines: Timelines): void {
    // Another range is another chart.
    if (timelines !== this.#timelines) this.#hide()
    this.#timelines = timelines
    this.#chart?.show(timelines.of(this.#name))
    if (!this.#chart && this.#visible) this.#draw(timelines)
  }

  remove(): void {
    this.#visibility.disconnect()
    this.#hide()
    this.root.remove()
  }

  #visible = false

  #seen(visible: boolean): void {
    this.#visible = visible
    if (!visible) this.#hide()
    else if (this.#timelines && !this.#chart) this.#draw(this.#timelines)
  }

  #draw(timelines: Timelines): void {
    this.#chart = new Chart(this.#place, timelines.of(this.#name), timelines.step)
  }

  #hide(): void {
    this.#chart?.end()
    this.#chart = undefined
  }
}

function row(): HTMLElement {
  return element('li', {}, element('span', { class: 'target' }), element('span', { class: 'result' }))
}

function describe(row: Element, check: CheckEvent | null): void {
  const [target, result] = row.children
  row.className = check === null ? '' : check.ok ? 'ok' : 'failed'
  say(target!, check ? `${check.type} ${check.target}` : 'not checked yet')
  say(result!, check ? (check.error ?? milliseconds(check.latencyMs)) : '')
}
