import type { ServerResponse } from 'node:http'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { EventLog } from './event-log.js'
import type { History, Range } from './history.js'
import type { Logged } from './logged.js'

/** A reader for whom events of this many bytes wait is let go; a browser then comes back by itself. */
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
  readonly #timer: NodeJS.Timeout
  readonly #unfollow: () => void

  constructor(monitor: UplinkMonitor, history: History, log: EventLog) {
    this.#monitor = monitor
    this.#history = history
    this.#log = log
    this.#unfollow = log.follow(event => {
      for (const stream of this.#streams) {
        send(stream, eventOf(event))
        // There may be other uplinks now: all of it once more.
        if (event.event === 'configure') stream.sent = 0
      }
    })
    this.#timer = setInterval(() => this.#tick(), 1000)
  }

  /**
   * Events after number `after`, if given, and those to come; and with `range` also the history and, each second, a snapshot: over a
   * slow line less often, since each holds what those before would have told.
   */
  open(response: ServerResponse, after: number | undefined, range: Range | undefined): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const stream: Stream = { response, range, sent: 0, shown: 0, ticks: 0 }
    this.#streams.add(stream)
    response.on('close', () => this.#streams.delete(stream))
    response.write('retry: 2000\n\n')
    for (const event of after === undefined ? [] : this.#log.after(after)) send(stream, eventOf(event))
    if (range) this.#show(stream, range, this.#snapshot())
  }

  close(): void {
    clearInterval(this.#timer)
    this.#unfollow()
    for (const { response } of this.#streams) response.end()
  }

  #tick(): void {
    if (this.#streams.size === 0) return
    const snapshot = this.#snapshot()
    for (const stream of this.#streams) {
      const { response, range } = stream
      stream.ticks++
      if (range && response.writableLength === 0) this.#show(stream, range, snapshot)
      else if (!range && stream.ticks % quietTicks === 0) send(stream, ': still here\n\n')
    }
  }

  #snapshot(): string {
    return block('snapshot', this.#monitor.snapshot())
  }

  #show(stream: Stream, range: Range, snapshot: string): void {
    const text = Buffer.from(snapshot + this.#newHistory(stream, range))
    stream.shown = text.length
    stream.response.write(text)
  }

  #newHistory(stream: Stream, range: Range): string {
    const report = this.#history.report(range, stream.sent)
    const steps = report.uplinks[0]!.state.length
    if (stream.sent > 0 && steps === 0) return ''
    stream.sent = report.from + steps * report.step
    return block('history', report)
  }
}

function eventOf({ id, event, ...fields }: Logged): string {
  return `id: ${id}\n${block(event, fields)}`
}

function block(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** What is shown is sent when nothing waits any more: the rest of what waits are events. */
function send({ response, shown }: Stream, text: string): void {
  if (response.writableLength > shown + maxBehind) response.destroy()
  else response.write(text)
}
