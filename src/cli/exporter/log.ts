import { escapeJson } from '../shared/output/escape.js'

type Level = 'info' | 'error'

interface Entry {
  at: Date
  level: Level
  message: string
  details: Record<string, unknown>
}

/** The events of a probe, for `debug=true`. */
export class ProbeLog {
  readonly #about: Record<string, unknown>
  readonly #entries: Entry[] = []

  constructor(about: Record<string, unknown>) {
    this.#about = about
  }

  add(level: Level, message: string, details: Record<string, unknown> = {}): void {
    this.#entries.push({ at: new Date(), level, message, details })
  }

  /** Returns one line of logfmt for each event. It is made on request, because most probes are not debugged. */
  lines(): string[] {
    return this.#entries.map(({ at, level, message, details }) => {
      const all = { ts: at.toISOString(), ...this.#about, level, msg: message, ...details }
      const pairs = Object.entries(all).filter(([, value]) => value !== undefined)
      return pairs.map(([key, value]) => `${key}=${written(String(value))}`).join(' ')
    })
  }
}

function written(value: string): string {
  return /^[\w.:/[\]%-]+$/.test(value) ? value : escapeJson(JSON.stringify(value))
}
