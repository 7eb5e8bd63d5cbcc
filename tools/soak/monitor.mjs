// Runs `netvia monitor` as a service with three kinds of checks over two uplinks, a metrics scraper and an open page. Each period has an
// outage of wan2, alternately a pulled cable and silent loss behind it. The monitor must report each outage once, and nothing about wan1.
import assert from 'node:assert/strict'
import { execSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startServer } from '../lab/namespaces.mjs'
import { Account, megabytes } from './account.mjs'

const { host, servers, seconds, period, interval, timeout, outages } = JSON.parse(process.argv[2])
const url = 'http://127.0.0.1:9777'
/** The longest wait for a change of state, in ms. */
const patience = 120_000

await startServer([...servers.lines, '7007'])
await startServer([...servers.page, '7008'])
const { pid, told, comesTo, end } = await startMonitor()
await comesTo('wan1', 'up')
await comesTo('wan2', 'up')
const reader = new AbortController()
const page = await fetch(`${url}/api/events?snapshots`, { signal: reader.signal })
page.body.pipeTo(new WritableStream()).catch(() => {})
await results()

const account = new Account(pid)
const [atFirst, changes] = [megabytes(pid), told.length]
const until = performance.now() + seconds * 1000
const expected = []
for (let outage = 0; performance.now() < until; outage++) {
  const next = sleep(period * 1000)
  const { cut, mend } = outages[outage % outages.length]
  execSync(cut)
  await comesTo('wan2', 'down')
  execSync(mend)
  await comesTo('wan2', 'up')
  expected.push('wan2 down', 'wan2 up')
  await results()
  await next
}
const { ok, failed, local } = await results()
const now = megabytes(pid)
await account.settle(
  `monitor: ${ok} checks passed, ${failed} failed, ${local} could not be made, ${expected.length / 2} outages, ` +
    `${atFirst.toFixed(1)} MB at the start, ${now.toFixed(1)} MB at the end`,
  {},
)
assert.deepEqual(told.slice(changes), expected)
reader.abort()
await end()

/** Starts `netvia monitor` and collects its reports about the uplinks. */
async function startMonitor() {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-soak-'))
  process.on('exit', () => rmSync(folder, { recursive: true }))
  const checks = [
    { type: 'ping', host },
    { type: 'tcp', host, port: 7007 },
    { type: 'http', url: `http://${host}:7008/`, expectBody: 'fine' },
  ]
  const options = {
    ...{ interval, timeout, stateFile: join(folder, 'state') },
    // These outages must not count as flapping.
    damping: { suppress: 1000, reuse: 1, halfLife: 1000 },
    uplinks: ['wan1', 'wan2'].map(device => ({ name: device, device, checks })),
  }
  const file = join(folder, 'uplinks.yaml')
  // JSON is valid YAML.
  writeFileSync(file, JSON.stringify(options))
  const cli = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url))
  const child = spawn(
    process.execPath,
    [cli, 'monitor', '--no-socket', '-c', file, '--json', '--listen', new URL(url).port],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  process.on('exit', () => child.kill('SIGKILL'))
  const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(signal ?? code)))
  const states = {}
  const told = []
  createInterface(child.stdout).on('line', line => {
    const { event, uplink, to } = JSON.parse(line)
    if (event !== 'state') return
    states[uplink] = to
    // Some checks of the first good round after an outage may have started before its end.
    if (to !== 'degraded' || uplink !== 'wan2') told.push(`${uplink} ${to}`)
  })
  return {
    ...{ pid: child.pid, told },
    async comesTo(uplink, state) {
      for (const since = performance.now(); states[uplink] !== state; await sleep(20)) {
        assert.ok(
          child.exitCode === null && performance.now() - since < patience,
          `${uplink} does not come to be ${state}: ${told}`,
        )
      }
    },
    async end() {
      child.kill('SIGTERM')
      assert.equal(await ended, 'SIGTERM')
    },
  }
}

/** The check results by kind, as Prometheus would read them. */
async function results() {
  const health = await fetch(`${url}/healthz`)
  // An unread body keeps its connection open, which would count as a descriptor that the monitor leaked.
  await health.text()
  assert.equal(health.status, 200)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const sums = { ok: 0, failed: 0, local: 0 }
  for (const [, kind, count] of metrics.matchAll(/^netvia_check_results_total\{.*result="(\w+)".*\} (\d+)/gm))
    sums[kind] += Number(count)
  return sums
}
