/** The metrics of one probe by their full names. */
export class ProbeMetrics {
  readonly device: string | undefined
  readonly samples = new Map<string, { help: string; values: Map<string, number> }>()

  constructor(device?: string) {
    this.device = device
  }

  set(name: string, help: string, value: number, labels?: Record<string, string>): void {
    this.#gauge(name, help).set(this.#written(labels), value)
  }

  add(name: string, help: string, value: number, labels?: Record<string, string>): void {
    const values = this.#gauge(name, help)
    const key = this.#written(labels)
    values.set(key, (values.get(key) ?? 0) + value)
  }

  #gauge(name: string, help: string): Map<string, number> {
    let known = this.samples.get(name)
    if (!known) {
      known = { help, values: new Map() }
      this.samples.set(name, known)
    }
    return known.values
  }

  #written(labels: Record<string, string> | undefined): string {
    const all = this.device === undefined ? labels : Object.assign({ device: this.device }, labels)
    if (all === undefined) return ''
    const pairs = Object.entries(all).map(([name, value]) => `${name}="${escaped(value)}"`)
    return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
  }
}

/** Writes several probes as one text in the format of Prometheus (text/plain; version=0.0.4). All metrics are gauges. */
export function exposition(probes: readonly ProbeMetrics[]): string {
  const names = new Set<string>()
  for (const { samples } of probes) for (const name of samples.keys()) names.add(name)
  let text = ''
  for (const name of [...names].sort()) {
    const found = probes.flatMap(({ samples }) => samples.get(name) ?? [])
    text += `# HELP ${name} ${found[0]!.help}\n# TYPE ${name} gauge\n`
    for (const { values } of found)
      for (const labels of [...values.keys()].sort()) text += `${name}${labels} ${values.get(labels)}\n`
  }
  return text
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
