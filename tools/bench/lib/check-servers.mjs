// The servers for the check workloads: nginx for HTTP and HTTPS, dnsmasq for DNS, and a certificate from a private CA.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const needs = ['nginx', 'dnsmasq', 'openssl']
export const ports = { http: 8081, https: 8443 }
/** dnsmasq resolves every name in this domain to one address. */
export const domain = 'bench.test'
/** One of 1,000 names. */
export const nameOf = index => `name${index % 1000}.${domain}`
const body = 'x'.repeat(64)

/** Starts the servers in the far namespace. Resolves with the path of the CA's certificate, and a function that stops them. */
export async function startCheckServers(lab) {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-bench-'))
  const { server } = lab.plan
  const ca = makeCertificates(folder, server)
  writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder, server))
  const servers = [
    lab.inFar('nginx', '-p', folder, '-c', 'nginx.conf', '-e', join(folder, 'error.log')),
    lab.inFar(
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root'],
      ...['--pid-file=', '--bind-interfaces', `--listen-address=${server}`, `--address=/${domain}/10.64.0.1`],
    ),
  ].map(([command, ...args]) => spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }))
  const kill = () => {
    for (const child of servers) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', kill)
  for (const child of servers) child.unref()
  for (const port of [53, ports.http, ports.https]) await untilOpen(lab, server, port)
  return {
    ca,
    stop: async () => {
      const ended = servers.map(child => once(child, 'exit'))
      for (const child of servers) child.ref()
      kill()
      await Promise.all(ended)
      process.off('exit', kill)
    },
  }
}

function makeCertificates(folder, address) {
  const path = name => join(folder, name)
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...newKey, ...['-keyout', path('ca.key'), '-out', path('ca.pem'), '-subj', '/CN=bench CA'])
  openssl('req', ...newKey, ...['-keyout', path('key.pem'), '-out', path('request.pem'), '-subj', '/CN=bench'])
  writeFileSync(path('names'), `subjectAltName=IP:${address},DNS:www.${domain}\n`)
  const by = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-extfile', path('names')]
  openssl('x509', '-req', '-in', path('request.pem'), ...by, ...['-days', '30', '-out', path('certificate.pem')])
  return path('ca.pem')
}

/** nginx runs as a single process, so killing it leaves no workers behind. */
const nginxConf = (folder, address) => `
daemon off; master_process off; pid ${folder}/nginx.pid; worker_rlimit_nofile 20000;
events { worker_connections 8192; multi_accept on; }
http {
  access_log off;
  server {
    listen ${address}:${ports.http} backlog=4096;
    listen ${address}:${ports.https} ssl backlog=4096;
    ssl_certificate ${folder}/certificate.pem; ssl_certificate_key ${folder}/key.pem;
    location / { return 200 "${body}"; }
  }
}
`

async function untilOpen(lab, address, port) {
  const [command, ...args] = lab.inNear('bash', '-c', `exec 2>/dev/null; : < /dev/tcp/${address}/${port}`)
  for (let tries = 0; tries < 50; tries++) {
    if (spawnSync(command, args).status === 0) return
    await sleep(100)
  }
  throw new Error(`nothing listens on ${address}, port ${port}`)
}
