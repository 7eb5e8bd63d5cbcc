/** What happened in a probe, a line each, in logfmt: for `debug=true`. */
export class ProbeLog {
  readonly lines: string[] = []
  readonly #about: Record<string, unknown>

  constructor(about: Record<string, unknown>) {
    this.#about = about
  }

  add(level: 'info' | 'error', message: string, details: Record<string, unknown> = {}): void {
    const all = { ts: new Date().toISOString(), ...this.#about, level, msg: message, ...details }
    const pairs = Object.entries(all).filter(([, value]) => value !== undefined)
    this.lines.push(pairs.map(([key, value]) => `${key}=${written(String(value))}`).join(' '))
  }
}

function written(value: string): string {
  return /^[\w.:/[\]%-]+$/.test(value) ? value : JSON.stringify(value)
}
