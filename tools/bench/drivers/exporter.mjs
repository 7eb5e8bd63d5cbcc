// Starts `netvia exporter` or blackbox_exporter with the same configuration, and measures probes per second and CPU time. Only
// the exporter's CPU time and memory count, not those of this client.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const [which, module, target, warmUp, probes, atOnce] = process.argv.slice(2)
const port = await freePort()
/** USER_HZ on every architecture that Node supports. */
const ticksPerSecond = 100
const folder = mkdtempSync(join(tmpdir(), 'netvia-bench-'))
const configuration = join(folder, 'blackbox.yml')
writeFileSync(
  configuration,
  `modules:
  http: { prober: http, timeout: 5s, http: { preferred_ip_protocol: ip4 } }
  tcp: { prober: tcp, timeout: 5s, tcp: { preferred_ip_protocol: ip4 } }
  icmp: { prober: icmp, timeout: 5s, icmp: { preferred_ip_protocol: ip4 } }
`,
)
const listen = `127.0.0.1:${port}`
const commands = {
  netvia: [
    process.execPath,
    fileURLToPath(new URL('../../../dist/cli.cjs', import.meta.url)),
    ...['exporter', '-c', configuration, '--listen', listen],
  ],
  blackbox: [
    'prometheus-blackbox-exporter',
    ...[`--config.file=${configuration}`, `--web.listen-address=${listen}`, '--log.level=error'],
  ],
}
const [program, ...args] = commands[which]
const exporter = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
process.on('exit', () => {
  exporter.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const agent = new http.Agent({ keepAlive: true, maxSockets: Number(atOnce) })
while (!(await get('/-/healthy').catch(() => undefined))) {
  if (exporter.exitCode !== null) throw new Error(`the exporter exited with code ${exporter.exitCode}`)
  await sleep(20)
}
// An exporter runs for months, so the first minute, in which V8 compiles it, doesn't count.
await probeAll(Number(warmUp))
const [begin, cpu] = [performance.now(), cpuSeconds()]
await probeAll(Number(probes))
const seconds = (performance.now() - begin) / 1000
const report = { items: Number(probes), seconds, cpuSeconds: cpuSeconds() - cpu, exporterMb: peakMb() }
console.log(JSON.stringify(report))
process.exit()

async function freePort() {
  const server = http.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function probeAll(count) {
  const query = `/probe?${new URLSearchParams({ module, target })}`
  let left = count
  const work = async () => {
    while (left-- > 0) {
      const text = await get(query)
      if (!text.includes('\nprobe_success 1\n')) throw new Error(`a probe failed:\n${text}`)
    }
  }
  await Promise.all(Array.from({ length: Number(atOnce) }, work))
}

function get(path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent }, async response => {
      let text = ''
      for await (const part of response.setEncoding('utf8')) text += part
      resolve(text)
    })
    request.on('error', reject)
  })
}

/** The CPU time of all threads of the exporter in seconds, see proc_pid_stat(5). */
function cpuSeconds() {
  const fields = readFileSync(`/proc/${exporter.pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function peakMb() {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${exporter.pid}/status`, 'utf8'))
  return Number(kilobytes) / 1024
}
