import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { atEnd, httpServer, lab, needs } from '../lab/index.js'
import { startCli } from '../unit/cli-process.js'
import { modules, nginxLocations, probes, records } from './exporter-targets.js'

needs('prometheus-blackbox-exporter', 'nginx', 'dnsmasq')

const certificates = fileURLToPath(new URL('../lab/certificates/', import.meta.url))
const pem = (name: string) => readFileSync(join(certificates, name))

/** Lines as `answer` makes them of lines. Returns its port. */
async function lineServer(greeting: string, answer: (line: string, socket: Socket) => string): Promise<number> {
  const serve = (socket: Socket) => {
    let held = ''
    socket.on('error', () => {})
    socket.on('data', data => {
      held += data
      for (let end = held.indexOf('\n'); end !== -1; end = held.indexOf('\n')) {
        const line = held.slice(0, end)
        held = held.slice(end + 1)
        socket.write(answer(line, socket))
      }
    })
  }
  const server = createServer(socket => {
    socket.write(greeting)
    serve(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => new Promise<void>(resolve => server.close(() => resolve())))
  return (server.address() as AddressInfo).port
}

const banner = (line: string) => (line === 'HELLO' ? '250-first\r\n250 second\r\n' : `${line}\n`)

function startTlsServer(): Promise<number> {
  const secureContext = createSecureContext({ cert: pem('server.pem'), key: pem('server.key') })
  return lineServer('220 ready\r\n', (line, socket) => {
    if (line !== 'STARTTLS') return '250 fine\r\n'
    socket.removeAllListeners('data')
    setTimeout(() => {
      const secure = new TLSSocket(socket, { isServer: true, secureContext })
      secure.on('error', () => {})
      secure.on('data', () => secure.write('250 secured\r\n'))
    })
    return '220 go\r\n'
  })
}

type Metrics = Map<string, number>

/** Labels in one order, whoever wrote them. */
function parse(text: string): Metrics {
  const samples = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map(sample => {
      const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(sample)!
      const sorted = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([pair]) => pair).sort()
      return [`${name}{${sorted.join(',')}}`, Number(value)]
    }),
  )
}

const isTime = (name: string) => /duration_seconds|lookup_time/.test(name)

/** What has to be equal: every name with its labels, and every value that is no time. */
const facts = (metrics: Metrics) =>
  Object.fromEntries([...metrics].map(([name, value]) => [name, isTime(name) ? 'a time' : value]))

async function probe(base: string, parameters: Record<string, string> | [string, string][], headers = {}) {
  const response = await fetch(`${base}/probe?${new URLSearchParams(parameters)}`, { headers })
  return { status: response.status, text: await response.text() }
}

const patience = { timeout: 30_000, interval: 50 }
const theirs = 'http://127.0.0.1:9115'
let ours: string
let all: [string, string][]
let configuration: string

beforeAll(async () => {
  const folder = mkdtempSync(join(lab.folder, 'exporter-'))
  const files = join(folder, 'files')
  mkdirSync(files)
  writeFileSync(join(files, 'modified.txt'), 'dated\n')
  writeFileSync(join(files, 'chunked.html'), `<!--# echo var="nothing" default="" -->${'text '.repeat(100)}`)
  writeFileSync(join(files, 'long.txt'), 'long '.repeat(1000))
  const server = httpServer(nginxLocations(files)).replaceAll('443 ssl', '443 ssl http2')
  const other = (port: number, certificate: 'expired' | 'wrong-name') =>
    httpServer(undefined, certificate)
      .replaceAll(/listen (\[::\]:)?80;/g, '')
      .replaceAll('443', String(port))
  await lab.nginx([server, other(8443, 'expired'), other(9443, 'wrong-name')].join('\n'))
  await lab.dnsmasq(records)
  all = probes(await lineServer('220 here\r\n', banner), await startTlsServer(), 1)
  configuration = join(folder, 'blackbox.yml')
  writeFileSync(configuration, modules(join(certificates, 'ca.pem')))
  lab.spawn(
    'router',
    'prometheus-blackbox-exporter',
    `--config.file=${configuration}`,
    '--web.listen-address=127.0.0.1:9115',
  )
  ours = await startExporter(configuration)
  await vi.waitFor(() => fetch(`${theirs}/-/healthy`), patience)
})

async function startExporter(file: string, ...args: string[]): Promise<string> {
  const child = startCli(['exporter', '-c', file, '--listen', '0', ...args])
  atEnd(async () => {
    child.kill('SIGKILL')
    await child.ended
  })
  let said = ''
  child.stdout!.on('data', text => {
    said += text
  })
  child.stderr!.on('data', text => {
    said += text
  })
  return vi.waitFor(() => /http:\/\/127\.0\.0\.1:\d+/.exec(said)![0], patience)
}

describe('beside blackbox_exporter', () => {
  test('every metric has the same name and labels, and the same value where it is no time', async () => {
    const differences: unknown[] = []
    for (const [module, target] of all) {
      const [one, other] = await Promise.all([ours, theirs].map(base => probe(base, { module, target })))
      const [got, expected] = [facts(parse(one!.text)), facts(parse(other!.text))]
      const names = new Set([...Object.keys(got), ...Object.keys(expected)])
      const different = [...names].filter(name => got[name] !== expected[name])
      if (different.length > 0) {
        differences.push({ module, target, different: different.map(name => [name, got[name], expected[name]]) })
      }
    }
    expect(differences).toEqual([])
    expect(all.length).toBeGreaterThan(60)
  }, 180_000)
})
