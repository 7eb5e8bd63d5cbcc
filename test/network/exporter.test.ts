import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { atEnd, httpServer, lab, needs } from '../lab/index.js'
import { startCli } from '../unit/cli-process.js'
import { modules, nginxLocations, probes, records } from './exporter-targets.js'
import { movedDuring } from './moved.js'

needs('prometheus-blackbox-exporter', 'nginx', 'dnsmasq')

const certificates = fileURLToPath(new URL('../lab/certificates/', import.meta.url))
const examples = fileURLToPath(new URL('../../examples/exporter/', import.meta.url))
const pem = (name: string) => readFileSync(join(certificates, name))

/** Starts a server that answers each line with `answer(line)`. Returns its port. */
async function lineServer(greeting: string, answer: (line: string, socket: Socket) => string): Promise<number> {
  const serve = (socket: Socket) => {
    let held = ''
    socket.on('error', () => {})
    socket.on('data', data => {
      held += data
      for (let end = held.indexOf('\n'); end !== -1; end = held.indexOf('\n')) {
        const line = held.slice(0, end)
        held = held.slice(end + 1)
        const text = answer(line, socket)
        if (text !== '') socket.write(text)
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
    socket.write('220 go\r\n')
    const secure = new TLSSocket(socket, { isServer: true, secureContext })
    secure.on('error', () => {})
    secure.on('data', () => secure.write('250 secured\r\n'))
    return ''
  })
}

type Metrics = Map<string, number>

/** Parses metrics, with the labels in a fixed order. */
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

/** The part that must be equal: every name with its labels, and every value that isn't a time. */
const facts = (metrics: Metrics) =>
  Object.fromEntries([...metrics].map(([name, value]) => [name, isTime(name) ? 'a time' : value]))

async function probe(base: string, parameters: Record<string, string> | [string, string][], headers = {}) {
  // The server may close a kept connection just as it is used again.
  const own = { connection: 'close', ...headers }
  const response = await fetch(`${base}/probe?${new URLSearchParams(parameters)}`, { headers: own })
  return { status: response.status, text: await response.text() }
}

const patience = { timeout: 30_000, interval: 50 }
const theirs = 'http://127.0.0.1:9115'
let ours: string
let all: [string, string][]

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
  const configuration = join(folder, 'blackbox.yml')
  writeFileSync(configuration, modules(join(certificates, 'ca.pem')))
  const withDevices = join(folder, 'devices.yml')
  const both = '  both: { prober: icmp, timeout: 1s, device: [wan1, wan2], icmp: { preferred_ip_protocol: ip4 } }\n'
  writeFileSync(withDevices, modules(join(certificates, 'ca.pem')) + both)
  lab.spawn(
    'router',
    'prometheus-blackbox-exporter',
    `--config.file=${configuration}`,
    '--web.listen-address=127.0.0.1:9115',
  )
  ours = await startExporter(withDevices)
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

async function differencesOf(module: string, target: string) {
  const [one, other] = await Promise.all([ours, theirs].map(base => probe(base, { module, target })))
  const [got, expected] = [facts(parse(one!.text)), facts(parse(other!.text))]
  const names = new Set([...Object.keys(got), ...Object.keys(expected)])
  const different = [...names].filter(name => got[name] !== expected[name])
  return different.map(name => [name, got[name], expected[name]])
}

describe('compared with blackbox_exporter', () => {
  test('every metric has the same name and labels, and the same value unless it is a time', async () => {
    const differences: unknown[] = []
    for (const [module, target] of all) {
      // On a busy machine, one of the two may exceed its second.
      let different = await differencesOf(module, target)
      if (different.length > 0) different = await differencesOf(module, target)
      if (different.length > 0) differences.push({ module, target, different })
    }
    expect(differences).toEqual([])
    expect(all.length).toBeGreaterThan(60)
  }, 180_000)
})

describe('beyond blackbox_exporter', () => {
  test('every prober uses the device, including for name resolution', async () => {
    for (const [module, target] of [
      ['icmp', lab.server.name],
      ['tcp', `${lab.server.name}:80`],
      ['http_ip4', `http://${lab.server.name}/`],
      ['dns_mx', lab.server.address4],
    ] as const) {
      const moved = await movedDuring(async () => {
        const { text } = await probe(ours, { module, target, device: 'wan2' })
        expect(parse(text).get('probe_success{device="wan2"}'), `${module} ${text}`).toBe(1)
      })
      expect(moved.wan1, module).toBe(0)
      expect(moved.wan2, module).toBeGreaterThan(0)
    }
  })

  test('several devices are one probe each, distinguished by a label; only a device that is cut off fails', async () => {
    lab.run('isp1', 'ip', 'link', 'set', 'customer', 'down')
    try {
      const { text } = await probe(ours, { module: 'both', target: lab.server.address4 })
      const metrics = parse(text)
      expect(metrics.get('probe_success{device="wan1"}'), text).toBe(0)
      expect(metrics.get('probe_success{device="wan2"}')).toBe(1)
      expect(metrics.get('probe_icmp_duration_seconds{device="wan2",phase="rtt"}')).toBeGreaterThan(0)
      expect(text.match(/^# TYPE probe_success gauge$/gm)).toHaveLength(1)
    } finally {
      lab.run('isp1', 'ip', 'link', 'set', 'customer', 'up')
    }
  })

  test('the devices in the request override those in the module', async () => {
    const query: [string, string][] = [
      ['module', 'both'],
      ['target', lab.server.address4],
      ['device', 'wan2'],
    ]
    const { text } = await probe(ours, query)
    expect([...parse(text).keys()].filter(name => name.startsWith('probe_success'))).toEqual([
      'probe_success{device="wan2"}',
    ])
  })

  test('a missing device is a failure, and the log says why', async () => {
    const query = { module: 'icmp', target: lab.server.address4, device: 'nosuch0' }
    expect(parse((await probe(ours, query)).text).get('probe_success{device="nosuch0"}')).toBe(0)
    const { text } = await probe(ours, { ...query, debug: 'true' })
    expect(text).toMatch(/level=error .*ENODEV/)
    expect(text).toContain('Module configuration:\nprober: icmp')
    expect(await probe(ours, { ...query, device: 'a/b' })).toMatchObject({ status: 400 })
  })

  test("the scrape's timeout ends a probe in time, and unsupported settings are refused", async () => {
    const start = performance.now()
    const query = { module: 'http_2xx', target: 'http://10.64.255.1:81/' }
    lab.run(
      'internet',
      'nft',
      'add table inet silent; add chain inet silent in { type filter hook input priority 0; }; add rule inet silent in tcp dport 81 drop',
    )
    try {
      const { text } = await probe(ours, query, { 'x-prometheus-scrape-timeout-seconds': '1.5' })
      expect(performance.now() - start).toBeLessThan(4000)
      expect(parse(text).get('probe_success{}')).toBe(0)
      expect(parse(text).get('probe_duration_seconds{}')).toBeGreaterThan(0.9)
    } finally {
      lab.run('internet', 'nft', 'delete table inet silent')
    }
    expect((await probe(ours, query, { 'x-prometheus-scrape-timeout-seconds': 'x' })).status).toBe(500)
    expect(await probe(ours, { module: 'nosuch', target: 'a' })).toMatchObject({
      status: 400,
      text: expect.stringContaining('Unknown module'),
    })
    expect((await probe(ours, { module: 'icmp' })).status).toBe(400)
    const own = await (await fetch(`${ours}/metrics`)).text()
    expect(own).toMatch(/^blackbox_module_unknown_total 1$/m)
    expect(own).toMatch(/^blackbox_exporter_config_last_reload_successful 1$/m)
  })

  test('reads the configuration again on request, and keeps the old one if the new one is wrong', async () => {
    const file = join(lab.folder, 'reloaded.yml')
    writeFileSync(file, 'modules: { a: { prober: icmp } }')
    const base = await startExporter(file)
    const status = async (module: string) => (await probe(base, { module, target: '127.0.0.1' })).status
    const reload = () => fetch(`${base}/-/reload`, { method: 'POST' })
    expect([await status('a'), await status('b')]).toEqual([200, 400])
    writeFileSync(file, 'modules: { b: { prober: icmp } }')
    expect((await fetch(`${base}/-/reload`)).status).toBe(405)
    expect((await reload()).status).toBe(200)
    expect([await status('a'), await status('b')]).toEqual([400, 200])
    writeFileSync(file, 'modules: { c: { prober: icmp, icmp: { bogus: 1 } } }')
    const refused = await reload()
    expect([refused.status, await refused.text()]).toEqual([500, expect.stringContaining('unknown option "bogus"')])
    expect(await status('b')).toBe(200)
    expect(await (await fetch(`${base}/metrics`)).text()).toMatch(/config_last_reload_successful 0$/m)
  })
})

describe('a real Prometheus', () => {
  needs('prometheus', 'promtool')

  test("scrapes targets over two devices with the example's configuration, and shows which one is cut off", async () => {
    const folder = mkdtempSync(join(lab.folder, 'prometheus-'))
    const base = await startExporter(join(examples, 'blackbox.yml'))
    const config = readFileSync(join(examples, 'prometheus.yml'), 'utf8')
      .replace('15s', '2s')
      .replace('[192.0.2.53, 198.51.100.53]', `[${lab.server.address4}]`)
      .replace('127.0.0.1:9115', new URL(base).host)
    writeFileSync(join(folder, 'prometheus.yml'), config)
    lab.run('router', 'promtool', 'check', 'config', join(folder, 'prometheus.yml'))
    lab.spawn(
      'router',
      'prometheus',
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:9090',
      '--log.level=error',
    )
    const success = async (device: string) => {
      const query = `probe_success{instance="${lab.server.address4}",device="${device}"}`
      const response = await fetch(`http://127.0.0.1:9090/api/v1/query?${new URLSearchParams({ query })}`)
      const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } }
      return data.result[0]?.value[1]
    }
    const soon = { timeout: 60_000, interval: 250 }
    await vi.waitFor(async () => expect([await success('wan1'), await success('wan2')]).toEqual(['1', '1']), soon)
    lab.run('isp1', 'ip', 'link', 'set', 'customer', 'down')
    try {
      await vi.waitFor(async () => expect([await success('wan1'), await success('wan2')]).toEqual(['0', '1']), soon)
    } finally {
      lab.run('isp1', 'ip', 'link', 'set', 'customer', 'up')
    }
    const { text } = await probe(base, { module: 'icmp', target: lab.server.address4, device: 'wan2' })
    execFileSync('promtool', ['check', 'metrics'], { input: text })
  }, 150_000)
})
