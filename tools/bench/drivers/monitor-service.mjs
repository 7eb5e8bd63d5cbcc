// Runs `netvia monitor` as a service while a page is open and its metrics are scraped. Only the service itself is measured.
// monitor-service.mjs <port> <checks per uplink> <uplinks> <seconds> <first address> <page> <device> …
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cpuSeconds } from '../../soak/account.mjs'
import { addressAfter } from './common.mjs'

const [port, kind, uplinksText, secondsText, first, page, ...devices] = process.argv.slice(2)
const [count, seconds] = [Number(uplinksText), Number(secondsText)]
const url = `http://127.0.0.1:${port}`
/** Seconds for compiling and the first verdicts, which a service that runs for months needs only once. */
const warmUp = Math.min(10, seconds)
const scrapeInterval = 15_000

/** Uses the limits of examples/router/uplinks.yaml. */
const site = { type: 'http', url: page, required: true, latencyMs: { enter: 1500, leave: 1000 } }
const checksOf = index => {
  const ping = place => ({ type: 'ping', host: addressAfter(first, 2 * index + place), group: 'pings' })
  return {
    ping: { checks: [ping(0)] },
    all: { checks: [ping(0), ping(1), site], quorum: { pings: 1 } },
  }[kind]
}
const uplinks = Array.from({ length: count }, (_, index) => ({
  ...{ name: `site${index}`, device: devices[index % devices.length], ...checksOf(index) },
}))
const folder = mkdtempSync(join(tmpdir(), 'netvia-bench-'))
// JSON is valid YAML.
writeFileSync(join(folder, 'uplinks.yaml'), JSON.stringify({ uplinks }))
const cli = fileURLToPath(new URL('../../../dist/cli.cjs', import.meta.url))
const command = ['monitor', '--no-socket', '-c', join(folder, 'uplinks.yaml'), '--listen', port]
const monitor = spawn(process.execPath, [cli, ...command], { stdio: ['ignore', 'ignore', 'inherit'] })
process.on('exit', () => {
  monitor.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})
while (!(await fetch(`${url}/healthz`).catch(() => undefined))) {
  if (monitor.exitCode !== null) throw new Error(`the monitor exited with code ${monitor.exitCode}`)
  await sleep(50)
}
const events = await fetch(`${url}/api/events?after=0&snapshots`)
events.body.pipeTo(new WritableStream()).catch(() => {})
const scrape = async () => (await fetch(`${url}/metrics`)).text()
setInterval(() => scrape().catch(() => {}), scrapeInterval)
await sleep(warmUp * 1000)
const before = [performance.now(), cpuSeconds(monitor.pid)]
await sleep(seconds * 1000)
const took = (performance.now() - before[0]) / 1000
const cpu = cpuSeconds(monitor.pid) - before[1]
const up = (await scrape()).match(/^netvia_uplink_state\{.*state="up".*\} 1$/gm)?.length ?? 0
/** Peak memory, see proc_pid_status(5). */
const memoryMb = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${monitor.pid}/status`, 'utf8'))[1]) / 1024
console.log(JSON.stringify({ seconds: took, cpuSeconds: cpu, cpuPercent: (100 * cpu) / took, memoryMb, reply: up }))
process.exit()
