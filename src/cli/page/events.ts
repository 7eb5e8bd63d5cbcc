import type { NumberedEvent } from '../monitor/web/numbered-event.js'
import { dayTime } from './format.js'
import { element } from './html.js'

const most = 200

/** The newest first. */
export class EventList {
  readonly #list: HTMLElement
  readonly #shown = new Set<string>()

  constructor(list: HTMLElement) {
    this.#list = list
  }

  /** Skips events that come twice after a lost connection. */
  add(event: NumberedEvent): void {
    const key = `${event.id} ${event.at}`
    if (this.#shown.has(key)) return
    this.#shown.add(key)
    const when = element('time', { datetime: new Date(event.at).toISOString() }, dayTime(event.at))
    this.#list.prepend(element('li', {}, when, ...describe(event)))
    while (this.#list.children.length > most) this.#list.lastElementChild!.remove()
  }
}

function describe(event: NumberedEvent): HTMLElement[] {
  switch (event.event) {
    case 'state':
      return [
        element('b', {}, event.uplink),
        element(
          'span',
          {},
          element('strong', { 'data-state': event.to }, event.to),
          ` from ${event.from}: ${event.reason}`,
        ),
      ]
    case 'warning':
      return [element('b', {}, 'warning'), element('span', {}, event.message)]
    case 'configure': {
      const { added, changed, removed } = event
      const parts = Object.entries({ added, changed, removed }).filter(([, names]) => names.length > 0)
      const text = parts.map(([what, names]) => `${what}: ${names.join(', ')}`).join('; ') || 'no uplink has changed'
      return [element('b', {}, 'configuration'), element('span', {}, text)]
    }
  }
}
