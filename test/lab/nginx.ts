import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { context, type Host } from './context.js'
import { listening, start, stop } from './processes.js'

export const certificateFolder = fileURLToPath(new URL('certificates/', import.meta.url))

/** The test CA that signed all certificates here, in PEM, for a client's `ca` option. */
export const ca = readFileSync(join(certificateFolder, 'ca.pem'), 'utf8')

/** `wrong-name` is valid for elsewhere.example, the others for server.test and the laboratory's addresses. */
export type Certificate = 'server' | 'expired' | 'wrong-name'

let instances = 0

/** An nginx `server` block: HTTP on port 80 and HTTPS on port 443, IPv4 and IPv6. `locations` is nginx syntax. */
export function httpServer(
  locations = 'location / { return 200 "hello\\n"; }',
  certificate: Certificate = 'server',
): string {
  const file = join(certificateFolder, certificate)
  return `server {
    listen 80;
    listen [::]:80;
    listen 443 ssl;
    listen [::]:443 ssl;
    ssl_certificate ${file}.pem;
    ssl_certificate_key ${file}.key;
    ${locations}
  }`
}

/** Runs nginx with these `server` blocks, and waits until it listens. It ends with the test, or by `stop`. */
export async function nginx(servers = httpServer(), host: Host = 'internet'): Promise<{ stop(): Promise<void> }> {
  const folder = join(context.folder, `nginx-${process.pid}-${++instances}`)
  mkdirSync(folder)
  // Runs as a single process, so killing it leaves no workers behind.
  const config = `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr;
events { worker_connections 4096; }
http {
  access_log off;
  default_type text/plain;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${servers}
}
`
  writeFileSync(join(folder, 'nginx.conf'), config)
  const child = start(host, 'nginx', '-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf'))
  const ports = [...config.matchAll(/listen\s+(?:\S*:)?(\d+)/g)].map(match => Number(match[1]))
  await listening(child, host, 'tcp', ports)
  return { stop: () => stop(child) }
}
