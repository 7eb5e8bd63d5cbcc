import type { MonitorSnapshot } from '../../monitor/record/reports.js'
import type { UplinkState } from '../../monitor/state/state-machine.js'
import type { NumberedEvent } from '../monitor/web/numbered-event.js'
import type { HistoryReport } from '../monitor/web/series.js'
import { Card } from './card.js'
import { EventList } from './events.js'
import { part, say } from './html.js'
import { Timelines } from './timeline.js'

const cards = new Map<string, Card>()
const events = new EventList(part('events'))
const worstFirst: readonly UplinkState[] = ['down', 'degraded', 'unknown', 'up']
const iconColors = { down: '#dc2626', degraded: '#f59e0b', unknown: '#9ca3af', up: '#16a34a' }
let source: EventSource | undefined
let timelines: Timelines | undefined

say(part('place'), location.hostname)
part('ranges').addEventListener('change', follow)
follow()

/** Everything comes from one stream, which the browser opens again when it breaks. The address is relative: a proxy may serve the page below a path. */
function follow(): void {
  const range = Number(document.querySelector<HTMLInputElement>('#ranges :checked')!.value)
  source?.close()
  timelines = undefined
  source = new EventSource(`api/events?after=0&range=${range}`)
  source.onopen = () => lost(false)
  source.onerror = () => lost(true)
  on<MonitorSnapshot>('snapshot', showSnapshot)
  on<HistoryReport>('history', report => showHistory(report, range))
  for (const event of ['state', 'warning', 'configure'] as const) {
    on<NumberedEvent>(event, (fields, id) => events.add({ ...fields, id, event } as NumberedEvent))
  }
}

function on<T>(event: string, handle: (data: T, id: number) => void): void {
  source!.addEventListener(event, ({ data, lastEventId }) => handle(JSON.parse(data), Number(lastEventId)))
}

function lost(isLost: boolean): void {
  part('lost').hidden = !isLost
  document.body.classList.toggle('old', isLost)
  // A browser gives up for good where the server refuses.
  if (source?.readyState === EventSource.CLOSED) setTimeout(follow, 5000)
}

function showSnapshot({ at, uplinks }: MonitorSnapshot): void {
  const names = new Set(uplinks.map(({ name }) => name))
  for (const [name, card] of cards) {
    if (names.has(name)) continue
    card.remove()
    cards.delete(name)
  }
  for (const uplink of uplinks) {
    let card = cards.get(uplink.name)
    if (!card) {
      card = new Card(uplink.name)
      cards.set(uplink.name, card)
      part('uplinks').append(card.root)
    }
    card.update(uplink, at)
  }
  const counts = worstFirst.map(state => [state, uplinks.filter(uplink => uplink.state === state).length] as const)
  const present = counts.filter(([, count]) => count > 0)
  const worst = present[0]![0]
  const summary = present.map(([state, count]) => `${count} ${state}`).join(', ')
  say(part('summary'), summary)
  document.title = `${summary} · netvia`
  const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="${iconColors[worst]}"/></svg>`
  const address = `data:image/svg+xml,${encodeURIComponent(icon)}`
  if (part('icon').getAttribute('href') !== address) part('icon').setAttribute('href', address)
}

function showHistory(report: HistoryReport, range: number): void {
  timelines ??= new Timelines(range, report.step)
  timelines.add(report)
  for (const card of cards.values()) card.show(timelines)
}
