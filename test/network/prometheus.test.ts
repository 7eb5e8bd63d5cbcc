import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'
import { plug, unplug, watchUplinks } from './monitored.js'

needs('prometheus', 'promtool')

const examples = fileURLToPath(new URL('../../examples/monitoring/', import.meta.url))
const token = '0f1e2d3c4b5a69788796'
const patience = { timeout: 60_000, interval: 250 }
const listen = '127.0.0.1:9090'

function promtool(args: string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: examples, encoding: 'utf8', input })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

interface Sample {
  metric: Record<string, string>
  value: [number, string]
}

async function query(expression: string): Promise<Sample[]> {
  const response = await fetch(`http://${listen}/api/v1/query?${new URLSearchParams({ query: expression })}`)
  const { status, data, error } = (await response.json()) as {
    status: string
    data: { result: Sample[] }
    error?: string
  }
  if (status !== 'success') throw new Error(`${expression}: ${error}`)
  return data.result
}

const value = async (expression: string) => Number((await query(expression))[0]?.value[1])

/** Starts Prometheus with the example's alerts. It scrapes the monitor twice a second. */
async function prometheus(url: string): Promise<void> {
  const folder = mkdtempSync(join(lab.folder, 'prometheus-'))
  writeFileSync(join(folder, 'token'), token)
  const config = readFileSync(join(examples, 'prometheus.yml'), 'utf8')
    .replaceAll('15s', '500ms')
    .replace('[alerts.yml]', `[${join(examples, 'alerts.yml')}]`)
    .replaceAll('192.0.2.1:9777', new URL(url).host)
  writeFileSync(join(folder, 'prometheus.yml'), config)
  promtool(['check', 'config', join(folder, 'prometheus.yml')])
  lab.spawn(
    'router',
    'prometheus',
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${listen}`,
    '--log.level=error',
  )
  const ready = () =>
    fetch(`http://${listen}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(ready, patience).toBe(true)
}

test.each(['monitoring', 'fleet'])('the alert rules of examples/%s fire as described', name => {
  promtool(['check', 'rules', `../${name}/alerts.yml`])
  promtool(['test', 'rules', `../${name}/alerts.test.yml`])
})

test('the queries of the fleet dashboard are valid PromQL', () => {
  const { panels } = JSON.parse(readFileSync(join(examples, '../fleet/grafana-dashboard.json'), 'utf8')) as {
    panels: { targets: { expr: string }[] }[]
  }
  const rules = panels
    .flatMap(({ targets }) => targets)
    .map(({ expr }, index) => ({ record: `asked_${index}`, expr: expr.replaceAll(/\$__\w+/g, '5m') }))
  const file = join(lab.folder, 'asked.yml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'asked', rules }] }))
  promtool(['check', 'rules', file])
})

describe('a real Prometheus', () => {
  test('shows a failover, and has the data for the dashboard', async () => {
    const { url } = await watchUplinks([], { NETVIA_TOKEN: token })
    const headers = { authorization: `Bearer ${token}` }
    const metrics = await (await fetch(`${url}metrics`, { headers })).text()
    promtool(['check', 'metrics'], metrics)
    await prometheus(url)

    await expect.poll(() => value('netvia_uplink_state{uplink="fibre",device="wan1",state="up"}'), patience).toBe(1)
    expect(await value('netvia_uplink_state{uplink="lte",device="wan2",state="up"}')).toBe(1)
    expect(await value('netvia_uplink_latency_seconds{uplink="fibre"}')).toBeGreaterThan(0)
    expect(await value('netvia_uplink_latency_seconds{uplink="fibre"}')).toBeLessThan(1)
    expect(await value('netvia_check_results_total{uplink="fibre",type="ping",result="ok"}')).toBeGreaterThan(2)
    unplug()
    await expect.poll(() => value('netvia_uplink_state{uplink="fibre",state="down"}'), patience).toBe(1)
    expect(await value('netvia_uplink_state{uplink="fibre",state="up"}')).toBe(0)
    expect(await value('netvia_uplink_link_up{uplink="fibre"}')).toBe(0)
    expect(await value('netvia_uplink_state{uplink="lte",state="up"}')).toBe(1)
    await expect.poll(() => query('ALERTS{alertname="UplinkDown",uplink="fibre"}'), patience).toHaveLength(1)
    expect(await query('ALERTS{alertname="NoUplink"}')).toEqual([])
    plug()
    await expect.poll(() => value('netvia_uplink_state{uplink="fibre",state="up"}'), patience).toBe(1)
    expect(await value('netvia_uplink_link_up{uplink="fibre"}')).toBe(1)
    expect(await value('increase(netvia_uplink_state_changes_total{uplink="fibre",to="down"}[1m])')).toBeGreaterThan(0)
    await expect.poll(() => query('ALERTS{alertname="UplinkDown"}'), patience).toEqual([])

    const dashboard = readFileSync(join(examples, 'grafana-dashboard.json'), 'utf8')
    const asked = (JSON.parse(dashboard).panels as { targets: { expr: string }[] }[]).flatMap(({ targets }) => targets)
    expect(asked.length).toBeGreaterThan(4)
    for (const { expr } of asked) {
      const expression = expr.replaceAll(/\$(instance|uplink)/g, '.*').replaceAll(/\$__(rate_interval|range)/g, '1m')
      expect(await query(expression), expression).not.toEqual([])
    }
  }, 120_000)
})
