/** The metrics of one probe by their full names. */
export class ProbeMetrics {
  readonly device: string | undefined
  readonly samples = new Map<string, { help: string; values: Map<string, number> }>()

  constructor(device?: string) {
    this.device = device
  }

  set(name: string, help: string, value: number, labels: Record<string, string> = {}): void {
    this.#gauge(name, help).set(this.#written(labels), value)
  }

  add(name: string, help: string, value: number, labels: Record<string, string> = {}): void {
    const values = this.#gauge(name, help)
    const key = this.#written(labels)
    values.set(key, (values.get(key) ?? 0) + value)
  }

  #gauge(name: string, help: string): Map<string, number> {
    const known = this.samples.get(name) ?? { help, values: new Map<string, number>() }
    this.samples.set(name, known)
    return known.values
  }

  #written(labels: Record<string, string>): string {
    const all = this.device === undefined ? labels : Object.assign({ device: this.device }, labels)
    const pairs = Object.entries(all).map(([name, value]) => `${name}="${escaped(value)}"`)
    return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
  }
}

/** Writes several probes as one text in the format of Prometheus (text/plain; version=0.0.4). All metrics are gauges. */
export function exposition(probes: readonly ProbeMetrics[]): string {
  const names = [...new Set(probes.flatMap(({ samples }) => [...samples.keys()]))].sort()
  const lines = names.flatMap(name => {
    const found = probes.flatMap(({ samples }) => samples.get(name) ?? [])
    const values = found.flatMap(({ values }) => [...values].sort(([a], [b]) => (a < b ? -1 : 1)))
    const help = [`# HELP ${name} ${found[0]!.help}`, `# TYPE ${name} gauge`]
    return [...help, ...values.map(([labels, value]) => `${name}${labels} ${value}`)]
  })
  return `${lines.join('\n')}\n`
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
