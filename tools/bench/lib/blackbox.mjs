// The real blackbox_exporter with a module for each kind of check, queried over HTTP as by Prometheus.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { domain, ports } from './check-servers.mjs'

/** Starts blackbox_exporter on a loopback port. Resolves once it probes. It ends with this process. */
export async function startBlackbox({ address, ca, port, atOnce }) {
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
  const listen = `127.0.0.1:${port}`
  const exporter = spawn(
    'prometheus-blackbox-exporter',
    [`--config.file=${config}`, `--web.listen-address=${listen}`, '--log.level=error'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  process.on('exit', () => exporter.kill('SIGKILL'))
  const targets = {
    tcp: `${address}:${ports.http}`,
    http: `http://${address}:${ports.http}/`,
    https: `https://${address}:${ports.https}/`,
    dns: address,
  }
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })

  const probe = kind =>
    new Promise((resolve, reject) => {
      const url = `http://${listen}/probe?module=${kind}&target=${encodeURIComponent(targets[kind])}`
      get(url, { agent }, async response => {
        let text = ''
        for await (const part of response.setEncoding('utf8')) text += part
        if (/^probe_success 1$/m.test(text)) resolve()
        else reject(new Error(`blackbox_exporter: probe failed: ${text.slice(-300)}`))
      }).on('error', reject)
    })

  for (let tries = 0; ; tries++) {
    try {
      await probe('tcp')
      break
    } catch (error) {
      if (tries === 50) throw error
      await sleep(100)
    }
  }
  return {
    probe,
    /** CPU time in seconds. proc_pid_stat(5) counts it in hundredths. */
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${exporter.pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
      return (Number(fields[11]) + Number(fields[12])) / 100
    },
    memoryMb: () => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${exporter.pid}/status`, 'utf8'))[1]) / 1024,
  }
}
