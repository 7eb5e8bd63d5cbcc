import type { NumberedEvent } from '../monitor/web/numbered-event.js'
import type { PageSnapshot } from '../monitor/web/page-report.js'
import { type Range, ranges } from '../monitor/web/ranges.js'
import { EventList } from './events.js'
import { exactTime } from './format.js'
import { part, say } from './html.js'
import { RangeChoice } from './ranges.js'
import { Uplinks, worstFirst } from './uplinks.js'

/** In ms. A snapshot comes each second, over a slow line less often. */
const patience = 15_000
const iconColors = { down: '#dc2626', degraded: '#f59e0b', unknown: '#9ca3af', up: '#16a34a' }

const uplinks = new Uplinks(ranges[0]!)
const events = new EventList(part('events'))
const choice = new RangeChoice(look)
let source: EventSource | undefined
let summary = ''
let host = location.hostname
let snapshotAt = Date.now()
let isLost = false
/** The uplink that the address names, until it has been shown. */
let sought: string | null = null

addEventListener('hashchange', go)
setInterval(() => {
  if (!isLost && Date.now() - snapshotAt > patience) follow()
}, 1000)
go()
follow()

/** One stream, which the browser reopens when it breaks. Its URL is relative, because a proxy may serve the page below a path. */
function follow(): void {
  source?.close()
  if (Date.now() - snapshotAt > patience) lost(true)
  source = new EventSource('api/events?after=0&snapshots')
  source.onerror = () => lost(true)
  on<PageSnapshot>('snapshot', show)
  for (const event of ['state', 'warning', 'configure'] as const) {
    on<NumberedEvent>(event, (fields, id) => events.add({ ...fields, id, event } as NumberedEvent))
  }
}

function on<T>(event: string, handle: (data: T, id: number) => void): void {
  source!.addEventListener(event, ({ data, lastEventId }) => handle(JSON.parse(data), Number(lastEventId)))
}

function lost(now: boolean): void {
  if (now !== isLost) {
    isLost = now
    part('lost').hidden = !now
    const since = exactTime(snapshotAt)
    say(part('lost'), now ? `No connection to the monitor since ${since}; trying again. What is shown is old.` : '')
    document.body.classList.toggle('old', now)
    entitle()
  }
  // A browser gives up permanently if the server refuses.
  if (source?.readyState === EventSource.CLOSED) setTimeout(follow, 5000)
}

function show(snapshot: PageSnapshot): void {
  snapshotAt = Date.now()
  lost(false)
  const counts = worstFirst.map(state => {
    return [state, snapshot.uplinks.filter(uplink => uplink.state === state).length] as const
  })
  const present = counts.filter(([, count]) => count > 0)
  summary = present.map(([state, count]) => `${count} ${state}`).join(', ')
  host = snapshot.host
  const use = snapshot.inUse === null ? 'no uplink works' : `new connections take ${snapshot.inUse}`
  say(part('summary'), `${summary}; ${use}`)
  say(part('host'), host)
  choice.offerDays(snapshot.keepsHistory)
  uplinks.update(snapshot)
  if (sought !== null && uplinks.reveal(sought)) sought = null
  const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="${iconColors[present[0]![0]]}"/></svg>`
  const address = `data:image/svg+xml,${encodeURIComponent(icon)}`
  if (part('icon').getAttribute('href') !== address) part('icon').setAttribute('href', address)
  entitle()
}

function entitle(): void {
  const age = isLost ? `old, ${exactTime(snapshotAt)}: ` : ''
  document.title = `${age}${summary || 'connecting'} · ${host}`
}

/** Goes to the view that the address names, as `#uplink=fibre&range=24h`. */
function go(): void {
  const wanted = new URLSearchParams(location.hash.slice(1))
  sought = wanted.get('uplink')
  const range = ranges.find(({ name }) => name === wanted.get('range'))
  if (range) {
    choice.select(range)
    uplinks.look(range)
  }
  if (sought !== null && uplinks.reveal(sought)) sought = null
}

/** Shows another range, and updates the address. */
function look(range: Range): void {
  const wanted = new URLSearchParams(location.hash.slice(1))
  wanted.set('range', range.name)
  history.replaceState(null, '', `#${wanted}`)
  uplinks.look(range)
}
