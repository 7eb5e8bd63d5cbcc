// The same checks by blackbox_exporter, asked for over HTTP as Prometheus asks: what counts is its own process.
// blackbox.mjs <kind> <at once> <checks> <address> <device> <ca>
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pool } from '../../pool.mjs'
import { domain, ports } from '../lib/check-servers.mjs'

const [kind, atOnceText, checksText, address, , ca] = process.argv.slice(2)
const [atOnce, checks] = [Number(atOnceText), Number(checksText)]
const config = join(dirname(ca), `blackbox-${process.pid}.yml`)
writeFileSync(
  config,
  `modules:
  tcp: { prober: tcp }
  http: { prober: http, http: { preferred_ip_protocol: ip4 } }
  https: { prober: http, http: { preferred_ip_protocol: ip4, tls_config: { ca_file: ${ca} } } }
  dns: { prober: dns, dns: { query_name: name1.${domain}, query_type: A, preferred_ip_protocol: ip4 } }
`,
)
// A smoke run has them all at once.
const listen = `127.0.0.1:${9000 + atOnce}`
const exporter = spawn(
  'prometheus-blackbox-exporter',
  [`--config.file=${config}`, `--web.listen-address=${listen}`, '--log.level=error'],
  { stdio: ['ignore', 'ignore', 'inherit'] },
)
process.on('exit', () => exporter.kill('SIGKILL'))
const target = {
  tcp: `${address}:${ports.http}`,
  http: `http://${address}:${ports.http}/`,
  https: `https://${address}:${ports.https}/`,
  dns: address,
}[kind]
const url = `http://${listen}/probe?module=${kind}&target=${encodeURIComponent(target)}`
const agent = new Agent({ keepAlive: true, maxSockets: atOnce })

const probe = () =>
  new Promise((resolve, reject) => {
    get(url, { agent }, async response => {
      let text = ''
      for await (const part of response.setEncoding('utf8')) text += part
      if (/^probe_success 1$/m.test(text)) resolve()
      else reject(new Error(`blackbox_exporter: the probe failed: ${text.slice(-300)}`))
    }).on('error', reject)
  })

/** CPU seconds (proc(5), in hundredths). */
const cpuSeconds = () => {
  const fields = readFileSync(`/proc/${exporter.pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

for (let tries = 0; ; tries++) {
  try {
    await probe()
    break
  } catch (error) {
    if (tries === 50) throw error
    await sleep(100)
  }
}
await pool(300, atOnce, probe)
const [begin, cpu] = [performance.now(), cpuSeconds()]
await pool(checks, atOnce, probe)
const report = { items: checks, seconds: (performance.now() - begin) / 1000, cpuSeconds: cpuSeconds() - cpu }
const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${exporter.pid}/status`, 'utf8'))
console.log(JSON.stringify({ ...report, memoryMb: Number(kilobytes) / 1024 }))
process.exit(0)
