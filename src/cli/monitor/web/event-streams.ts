import type { ServerResponse } from 'node:http'
import type { EventLog } from './event-log.js'
import type { NumberedEvent } from './numbered-event.js'
import type { PageSnapshots } from './page-snapshot.js'
import { TtlCache } from './ttl-cache.js'

/** A reader that is this many bytes behind is disconnected. A browser reconnects automatically. */
const maxBehind = 1 << 20
/** Ticks between two keep-alive comments. */
const quietTicks = 15

interface Stream {
  response: ServerResponse
  withSnapshots: boolean
  /** Bytes of the last snapshot. */
  shown: number
  ticks: number
}

/** Server-sent events (HTML standard, section 9.2) to any number of readers. */
export class EventStreams {
  readonly #log: EventLog
  readonly #streams = new Set<Stream>()
  /** All readers get the same buffer until the next tick, so hundreds of slow readers need the memory of one. */
  readonly #snapshots: TtlCache<Buffer>
  readonly #events = new WeakMap<NumberedEvent, Buffer>()
  readonly #timer: NodeJS.Timeout
  readonly #unfollow: () => void

  constructor(snapshots: PageSnapshots, log: EventLog) {
    this.#log = log
    this.#snapshots = new TtlCache(Number.POSITIVE_INFINITY, () => block('snapshot', snapshots.make()))
    this.#unfollow = log.follow(event => {
      for (const stream of this.#streams) send(stream, this.#rendered(event))
    })
    this.#timer = setInterval(() => this.#tick(), 1000)
  }

  /**
   * Sends the events after number `after`, if given, and new ones as they come. On request it also sends a snapshot each second. A
   * slow line gets fewer of them, because the newest snapshot replaces those before it.
   */
  open(response: ServerResponse, after: number | undefined, withSnapshots: boolean): void {
    // nginx would hold events back until its buffer is full.
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    const stream: Stream = { response, withSnapshots, shown: 0, ticks: 0 }
    this.#streams.add(stream)
    response.on('close', () => this.#streams.delete(stream))
    response.write('retry: 2000\n\n')
    for (const event of after === undefined ? [] : this.#log.after(after)) send(stream, this.#rendered(event))
    if (withSnapshots) this.#show(stream)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#unfollow()
    for (const { response } of this.#streams) response.end()
  }

  #tick(): void {
    this.#snapshots.clear()
    for (const stream of this.#streams) {
      stream.ticks++
      if (stream.withSnapshots && stream.response.writableLength === 0) this.#show(stream)
      else if (!stream.withSnapshots && stream.ticks % quietTicks === 0) send(stream, signOfLife)
    }
  }

  #show(stream: Stream): void {
    const snapshot = this.#snapshots.get()
    stream.shown = snapshot.length
    stream.response.write(snapshot)
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

/** Sends the newest snapshot once nothing waits any more. Only events are queued. */
function send({ response, shown }: Stream, text: Buffer): void {
  if (response.writableLength > shown + maxBehind) response.destroy()
  else response.write(text)
}
