import type { ServerResponse } from 'node:http'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import { Cached } from './cached.js'
import type { EventLog } from './event-log.js'
import { type History, type Range, ranges } from './history.js'
import type { NumberedEvent } from './numbered-event.js'

/** A reader that is this many bytes behind is disconnected. A browser reconnects automatically. */
const maxBehind = 1 << 20
/** Ticks between two signs of life. */
const quietTicks = 15

interface Stream {
  response: ServerResponse
  range: Range | undefined
  /** Up to where the history was sent, in seconds since the epoch. */
  sent: number
  /** Bytes of the last snapshot and history. */
  shown: number
  ticks: number
}

/** Server-sent events (HTML standard, section 9.2) to any number of readers. */
export class EventStreams {
  readonly #monitor: UplinkMonitor
  readonly #history: History
  readonly #log: EventLog
  readonly #streams = new Set<Stream>()
  /** Until the next tick everyone gets the same buffers: hundreds of slow readers take the memory of one. */
  readonly #snapshots = new Cached(Number.POSITIVE_INFINITY, () => block('snapshot', this.#monitor.snapshot()))
  readonly #histories = new Cached(Number.POSITIVE_INFINITY, key => this.#render(key))
  readonly #events = new WeakMap<NumberedEvent, Buffer>()
  readonly #timer: NodeJS.Timeout
  readonly #unfollow: () => void

  constructor(monitor: UplinkMonitor, history: History, log: EventLog) {
    this.#monitor = monitor
    this.#history = history
    this.#log = log
    this.#unfollow = log.follow(event => {
      if (event.event === 'configure') this.#histories.clear()
      for (const stream of this.#streams) {
        send(stream, this.#rendered(event))
        // There may be other uplinks now: send all of it again.
        if (event.event === 'configure') stream.sent = 0
      }
    })
    this.#timer = setInterval(() => this.#tick(), 1000)
  }

  /**
   * Events after number `after`, if given, and those to come; and with `range` also the history and, each second, a snapshot: over a
   * slow line less often, since each contains what the earlier ones would have.
   */
  open(response: ServerResponse, after: number | undefined, range: Range | undefined): void {
    // nginx would hold events back until its buffer is full.
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    const stream: Stream = { response, range, sent: 0, shown: 0, ticks: 0 }
    this.#streams.add(stream)
    response.on('close', () => this.#streams.delete(stream))
    response.write('retry: 2000\n\n')
    for (const event of after === undefined ? [] : this.#log.after(after)) send(stream, this.#rendered(event))
    if (range) this.#show(stream, range)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#unfollow()
    for (const { response } of this.#streams) response.end()
  }

  #tick(): void {
    this.#snapshots.clear()
    this.#histories.clear()
    for (const stream of this.#streams) {
      const { response, range } = stream
      stream.ticks++
      if (range && response.writableLength === 0) this.#show(stream, range)
      else if (!range && stream.ticks % quietTicks === 0) send(stream, signOfLife)
    }
  }

  #show(stream: Stream, range: Range): void {
    const snapshot = this.#snapshots.get()
    const { text, until } = this.#histories.get(`${ranges.indexOf(range)} ${stream.sent}`)
    stream.sent = until
    stream.shown = snapshot.length + text.length
    stream.response.write(snapshot)
    if (text.length > 0) stream.response.write(text)
  }

  /** The history of the range at this place since then, and up to where it goes. */
  #render(key: string): { text: Buffer; until: number } {
    const [place, since] = key.split(' ').map(Number)
    const report = this.#history.report(ranges[place!]!, since)
    const steps = report.uplinks[0]!.state.length
    if (since! > 0 && steps === 0) return { text: Buffer.alloc(0), until: since! }
    return { text: block('history', report), until: report.from + steps * report.step }
  }

  #rendered(logged: NumberedEvent): Buffer {
    let text = this.#events.get(logged)
    if (!text) {
      const { id, event, ...fields } = logged
      text = Buffer.concat([Buffer.from(`id: ${id}\n`), block(event, fields)])
      this.#events.set(logged, text)
    }
    return text
  }
}

const signOfLife = Buffer.from(': still here\n\n')

function block(event: string, data: object): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

/** What is shown is sent when nothing waits any more: the rest of what waits are events. */
function send({ response, shown }: Stream, text: Buffer): void {
  if (response.writableLength > shown + maxBehind) response.destroy()
  else response.write(text)
}
