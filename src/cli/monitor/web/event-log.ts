import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { ConfigureEvent, StateEvent, WarningEvent } from '../../../monitor/record/event-types.js'
import type { NumberedEvent } from './numbered-event.js'

/** How many events are kept for readers that reconnect. */
const kept = 200

/** The last events of a monitor, numbered, for clients that reconnect. */
export class EventLog {
  readonly #monitor: UplinkMonitor
  readonly #events: NumberedEvent[] = []
  readonly #readers = new Set<(event: NumberedEvent) => void>()
  #next = 1

  constructor(monitor: UplinkMonitor) {
    this.#monitor = monitor
  }

  start(): void {
    this.#monitor.on('state', this.#onState).on('warning', this.#onWarning).on('configure', this.#onConfigure)
  }

  stop(): void {
    this.#monitor.off('state', this.#onState).off('warning', this.#onWarning).off('configure', this.#onConfigure)
  }

  /** The kept events after number `id`. For a number of an earlier run, all of them. */
  after(id: number): NumberedEvent[] {
    return id >= this.#next ? [...this.#events] : this.#events.filter(event => event.id > id)
  }

  /** Calls `reader` for each event from now on, until the returned function is called. */
  follow(reader: (event: NumberedEvent) => void): () => void {
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }

  #add(event: NumberedEvent): void {
    this.#next++
    this.#events.push(event)
    if (this.#events.length > kept) this.#events.shift()
    for (const reader of this.#readers) reader(event)
  }

  #onState = (event: StateEvent) => this.#add({ id: this.#next, event: 'state', ...event })

  #onWarning = ({ source, message, at }: WarningEvent) =>
    this.#add({ id: this.#next, event: 'warning', source, message, at })

  #onConfigure = (event: ConfigureEvent) => this.#add({ id: this.#next, event: 'configure', ...event })
}
