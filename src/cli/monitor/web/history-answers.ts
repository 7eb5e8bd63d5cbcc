import { type UplinkMonitor, watchedUplinks } from '../../../monitor/monitor.js'
import { type Range, ranges, recentRanges } from './ranges.js'
import type { RecentHistory } from './recent-history.js'
import { rendered } from './server.js'
import { readPast } from './stored-history.js'
import { TtlCache } from './ttl-cache.js'

interface Answer {
  status: number
  value: Buffer
}

/** In ms. Ranges of days take seconds to read, and have steps of half an hour and more. */
const lifetime = { recent: 1000, past: 60_000 }

/** Answers `/api/history`, from memory or from the history file. */
export class Histories {
  readonly #monitor: UplinkMonitor
  readonly #file: () => string | undefined
  readonly #recent: TtlCache<Buffer>
  readonly #past: TtlCache<Promise<Buffer>>
  /** Reads one range at a time. Checks run between its parts. */
  #reading: Promise<unknown> = Promise.resolve()

  constructor(monitor: UplinkMonitor, history: RecentHistory, file: () => string | undefined) {
    this.#monitor = monitor
    this.#file = file
    this.#recent = new TtlCache(lifetime.recent, key => {
      const { range, since, uplink } = JSON.parse(key)
      return rendered(history.report(rangeOf(range)!, uplink, since))
    })
    this.#past = new TtlCache(lifetime.past, key => {
      const { file, range, uplink } = JSON.parse(key)
      const report = this.#reading.then(() => readPast(file, uplink, rangeOf(range)!))
      this.#reading = report.catch(() => {})
      return report.then(rendered)
    })
  }

  async answer(query: URLSearchParams): Promise<Answer> {
    const range = rangeOf(Number(query.get('range') ?? recentRanges[0]!.seconds))
    const uplink = query.get('uplink')
    const since = Number(query.get('since') ?? 0)
    if (!range) return refused(400, `range must be one of ${ranges.map(({ seconds }) => seconds).join(', ')}`)
    if (!Number.isFinite(since)) return refused(400, 'since must be seconds since 1970')
    if (!watchedUplinks(this.#monitor).some(({ uplink: { name } }) => name === uplink))
      return refused(404, 'uplink must be the name of an uplink')
    if (recentRanges.includes(range)) return good(this.#recent.get(key({ range, since, uplink })))
    const file = this.#file()
    if (file === undefined) return refused(404, 'days are kept with "history" in the configuration')
    try {
      return good(await this.#past.get(key({ file, range, uplink })))
    } catch (error) {
      return refused(500, (error as Error).message)
    }
  }
}

const rangeOf = (seconds: number): Range | undefined => ranges.find(range => range.seconds === seconds)

const key = ({ range, ...rest }: { range: Range; [name: string]: unknown }) =>
  JSON.stringify({ range: range.seconds, ...rest })

const good = (value: Buffer): Answer => ({ status: 200, value })

const refused = (status: number, error: string): Answer => ({ status, value: rendered({ error }) })
