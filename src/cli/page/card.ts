import type { CheckHistory, UplinkHistory } from '../monitor/web/history-report.js'
import type { PageUplink } from '../monitor/web/page-report.js'
import type { Range } from '../monitor/web/ranges.js'
import { CheckView } from './check-view.js'
import { availability, dayTime, duration, milliseconds, percent } from './format.js'
import { HistoryLoader } from './history-loader.js'
import { element, say } from './html.js'

const mostOutages = 50
const facts = ['Uptime', 'In this state', 'Priority', 'Address', 'Gateway'] as const

/** One uplink: a line that opens to show everything. */
export class Card {
  readonly root = element('details', { class: 'uplink' })
  readonly #name: string
  readonly #device = element('span', { class: 'device' })
  readonly #brief = element('span', { class: 'brief' })
  readonly #use = element('span', { class: 'use' }, 'in use')
  readonly #badge = element('span', { class: 'badge' })
  readonly #reason = element('p', { class: 'reason' })
  readonly #facts = facts.map(() => element('dd'))
  readonly #upLabel = element('dt')
  readonly #checks = element('div', { class: 'checks' })
  readonly #outagesTitle = element('h3')
  readonly #outages = element('ol', { class: 'outages' })
  readonly #link = element('a', { class: 'link' }, 'Link to this')
  readonly #views: CheckView[] = []
  readonly #visibility: IntersectionObserver
  #tested: PageUplink['checks'] = []
  #isVisible = false
  #range: Range
  #loader: HistoryLoader | undefined

  constructor(name: string, range: Range) {
    this.#name = name
    this.#range = range
    const list = element('dl', { class: 'facts' })
    for (const [index, title] of facts.entries())
      list.append(element('div', {}, index === 0 ? this.#upLabel : element('dt', {}, title), this.#facts[index]!))
    this.root.append(
      element('summary', { class: 'name' }, element('h2', {}, name), this.#device, this.#use, this.#brief, this.#badge),
      this.#reason,
      list,
      this.#checks,
      element('section', {}, this.#outagesTitle, this.#outages),
      this.#link,
    )
    this.look(range)
    this.root.addEventListener('toggle', () => this.#follow())
    // Only visible uplinks are requested and drawn, because there can be hundreds.
    this.#visibility = new IntersectionObserver(entries => {
      this.#isVisible = entries.at(-1)!.isIntersecting
      this.#follow()
    })
    this.#visibility.observe(this.root)
  }

  update(uplink: PageUplink, at: number, isInUse: boolean): void {
    const { state, flapping, forced, reason, remarks, checks, statistics, addresses, gateways } = uplink
    this.root.dataset.state = state
    this.#tested = checks
    this.#use.hidden = !isInUse
    say(this.#device, `${uplink.device ?? ''}${uplink.metered ? ', metered' : ''}`)
    say(this.#badge, `${state}${forced ? ', forced' : ''}${flapping ? ', flapping' : ''}`)
    say(this.#reason, [reason, ...(state === 'up' && !forced ? remarks : [])].join('; '))
    const medians = checks.map((check, index) => `${check?.type ?? 'check'} ${milliseconds(statistics[index]!.p50Ms)}`)
    say(this.#brief, state === 'up' ? `${medians.join(', ')}, loss ${percent(uplink.lossRatio)}` : reason)
    const values = [
      duration(at - uplink.since),
      String(uplink.priority),
      addresses.join('\n') || '–',
      gateways.join('\n') || '–',
    ]
    for (const [index, text] of values.entries()) say(this.#facts[index + 1]!, text)
    while (this.#views.length < checks.length) this.#add()
    for (const view of this.#views.splice(checks.length)) view.root.remove()
    for (const [index, view] of this.#views.entries()) view.update(checks[index]!, statistics[index]!)
    this.#loader?.refresh()
  }

  /** Shows another range. */
  look(range: Range): void {
    this.#range = range
    say(this.#upLabel, `Uptime, ${range.words}`)
    const hash = new URLSearchParams({ uplink: this.#name, range: range.name })
    this.#link.setAttribute('href', `#${hash}`)
    this.#leave()
    this.#follow()
  }

  remove(): void {
    this.#visibility.disconnect()
    this.#leave()
    this.root.remove()
  }

  #add(): void {
    const view = new CheckView()
    this.#views.push(view)
    this.#checks.append(view.root)
    // The current data is shown with it.
    if (this.#loader) this.#restart()
  }

  #follow(): void {
    if (!this.#isVisible || !this.root.open) this.#leave()
    else if (!this.#loader) this.#restart()
  }

  #restart(): void {
    this.#leave()
    this.#show(undefined, 'Loading…')
    this.#loader = new HistoryLoader(this.#name, this.#range, (history, error) => {
      this.#show(history, error ?? 'No data in this time')
    })
    this.#loader.refresh()
  }

  #leave(): void {
    this.#loader?.end()
    this.#loader = undefined
    for (const view of this.#views) view.hide()
  }

  #show(history: UplinkHistory | undefined, message: string): void {
    for (const [index, view] of this.#views.entries())
      view.show(history, history && (find(history, this.#tested[index], index) ?? nothing(history)), message)
    say(this.#facts[0]!, availability(history?.availability))
    const { outages = [], outageCount = 0 } = history ?? {}
    const title = outageCount === 0 ? 'No outage' : outageCount === 1 ? '1 outage' : `${outageCount} outages`
    say(this.#outagesTitle, history ? `${title}, ${this.#range.words}` : '')
    this.#outages.replaceChildren(
      ...outages
        .slice(-mostOutages)
        .reverse()
        .map(({ from, to, ms, reason }) => {
          const when = element('time', { datetime: new Date(from).toISOString() }, dayTime(from))
          const length = element('b', {}, to === null ? `${duration(ms)} so far` : duration(ms))
          return element('li', {}, when, length, element('span', {}, reason))
        }),
    )
  }
}

/** Finds a check in the history. A file of weeks can have other targets of earlier configurations, and in another order. */
function find({ checks }: UplinkHistory, wanted: PageUplink['checks'][number] | undefined, index: number) {
  const isIt = (check: CheckHistory | undefined) => {
    return check !== undefined && (!wanted || (check.type === wanted.type && check.target === wanted.target))
  }
  return isIt(checks[index]) ? checks[index] : checks.find(isIt)
}

/** Columns of a check that isn't in the history. */
function nothing({ state }: UplinkHistory): CheckHistory {
  const none = state.map(() => null)
  return { type: '', target: '', minMs: none, medianMs: none, p95Ms: none, jitterMs: none, lossRatio: none }
}
