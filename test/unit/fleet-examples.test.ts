import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../src/cli/monitor/config.js'
import { startMonitor, tcpUplinks } from './monitor-command.js'
import { type Point, startReceiver } from './otlp-receiver.js'

const folder = fileURLToPath(new URL('../../examples/fleet/', import.meta.url))
const content = (file: string) => readFileSync(folder + file, 'utf8')

/** The Prometheus name of a metric: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ */
function translated({ name, unit, kind, monotonic }: Point): string {
  const suffix = unit === 's' ? '_seconds' : unit === '1' && kind === 'gauge' ? '_ratio' : ''
  return `${name.replaceAll('.', '_')}${suffix}${monotonic ? '_total' : ''}${kind === 'histogram' ? '_bucket' : ''}`
}

/** All queries of the dashboard and the rules. */
function queries(): string[] {
  const { groups } = parse(content('alerts.yml')) as { groups: { rules: { expr: string }[] }[] }
  const { panels, templating } = JSON.parse(content('grafana-dashboard.json')) as {
    panels: { targets: { expr: string }[] }[]
    templating: { list: { definition?: string }[] }
  }
  return [
    ...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...templating.list.flatMap(({ definition }) => definition ?? []),
  ]
}

async function pushed(): Promise<{ points: Point[]; resource: Record<string, string> }> {
  const server = http.createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { accepted, port } = startReceiver()
  const otlp = `otlp: { url: 'http://127.0.0.1:${await port}', interval: 200ms, attributes: { site: north } }\n`
  startMonitor(otlp + tcpUplinks(['one', (server.address() as AddressInfo).port]))
  const latest = () => accepted('metrics').at(-1)
  await expect
    .poll(() => latest()?.points.some(({ name }) => name === 'netvia.uplink.latency'), { timeout: 30_000 })
    .toBe(true)
  return latest()!
}

test("the fleet's dashboard and rules use series and labels that a monitor pushes", async () => {
  const { points, resource } = await pushed()
  const known = new Map<string, Set<string>>()
  for (const point of points) {
    // The collector's configuration copies these two attributes to the points.
    const labels = ['host_name', 'site', ...Object.keys(point.attributes).map(key => key.replaceAll('.', '_'))]
    known.set(translated(point), new Set(point.kind === 'histogram' ? [...labels, 'le'] : labels))
  }
  expect(Object.keys(resource)).toEqual(expect.arrayContaining(['host.name', 'site']))
  const all = queries()
  expect(all.length).toBeGreaterThan(15)
  for (const query of all) {
    const names = [...query.matchAll(/\bnetvia_\w+/g)].map(([name]) => name).filter(name => known.has(name))
    expect(names.length, query).toBeGreaterThan(0)
    for (const [, name, matchers] of query.matchAll(/\b(netvia_\w+)\{([^}]*)\}/g)) {
      expect([...known.keys()], query).toContain(name)
      for (const [, label] of matchers!.matchAll(/(\w+)(?:=~|!=|!~|=)"/g))
        expect([...known.get(name!)!], query).toContain(label)
    }
    const labels = new Set(names.flatMap(name => [...known.get(name)!]))
    for (const [, list] of query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
      for (const label of list!.split(', ')) expect([...labels], query).toContain(label)
    }
  }
})

test('the configuration of a router in the fleet is valid', () => {
  expect(readConfig(`${folder}uplinks.yaml`).otlp).toMatchObject({ interval: 60_000, maxPoints: 70_000 })
})

test("every YAML file of the fleet is valid, and the collector's pipelines use defined components", () => {
  for (const file of readdirSync(folder).filter(name => /\.ya?ml$/.test(name))) parse(content(file), { strict: true })
  const { service, ...parts } = parse(content('collector.yaml')) as {
    service: { extensions: string[]; pipelines: Record<string, Record<string, string[]>> }
  } & Record<string, object>
  for (const pipeline of Object.values(service.pipelines)) {
    for (const [kind, names] of Object.entries(pipeline))
      expect(Object.keys(parts[kind]!)).toEqual(expect.arrayContaining(names))
  }
  expect(Object.keys(parts.extensions!)).toEqual(service.extensions)
})
