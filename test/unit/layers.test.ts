import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const src = fileURLToPath(new URL('../../src', import.meta.url))

/** Each layer imports only from its left. */
const layers = [
  'runtime',
  'binding',
  'sockets',
  'system',
  'protocols',
  'scan',
  'checks',
  'line',
  'monitor',
  'group',
  'routing',
  'proxy',
  'cli',
]
const leaves = ['builtins', 'errors', 'host-port', 'monotonic', 'options', 'stats']
/** Public entries. They import the layers, and no layer imports them. */
const entries = ['index', 'via', 'undici']

/** The order within a folder. Each room (a folder or a file) imports only from its left. */
const rooms: Record<string, string[]> = {
  system: [
    'netlink',
    'device-loss',
    'device-return',
    'devices',
    'multipath',
    'privileges',
    'reach',
    'reverse-path',
    'silent-neighbours',
    'missing-route',
    'device-down',
    'this-host',
    'borrowed-source',
    'cut-connections',
    'confined-program',
  ],
  protocols: [
    'connecting',
    'connect-descriptor',
    'closable-socket',
    'dns',
    'targets',
    'tcp',
    'udp',
    'stun',
    'icmp',
    'http',
    'traceroute',
    'path-mtu',
  ],
  monitor: [
    'state',
    'options',
    'link',
    'checks',
    'metered',
    'record',
    'history',
    'force-options',
    'settings',
    'round-loop',
    'hook',
    'watched-uplink',
    'device-watch',
    'monitor',
    'instrument',
  ],
}
/** The only files ("faces") of a folder that other folders may import. Each of them must be needed. */
const faces: Record<string, string[]> = {
  scan: ['scan-ports', 'sweep-ports', 'port-scan', 'port-sweep', 'port-list'],
  checks: [
    ...['check-dns', 'check-ping', 'check-tcp', 'match', 'outcome', 'public-url'],
    ...[
      'http/check-http',
      'http/captive-portal',
      'http/options',
      'http/pieces',
      'http/redirect',
      'http/result',
      'http/url',
    ],
  ],
  monitor: [
    ...['monitor', 'options', 'settings', 'instrument', 'state/state-machine'],
    ...[
      'record/event-types',
      'record/metric-scales',
      'history/database',
      'history/minute-counts',
      'history/stretches',
      'history/read-stretches',
    ],
  ],
  group: ['group', 'options', 'policies', 'race', 'attempts'],
  routing: ['routing', 'options', 'event-types', 'kernel-tables', 'kernel-lock'],
  proxy: ['listen-proxy', 'options', 'blocks', 'statistics', 'upstream'],
  'protocols/dns': [
    ...['resolve', 'lookup', 'records', 'server-address'],
    // The parts for dialing a host, and for the exporter's own exchange.
    ...['addresses', 'query-context', 'address-order', 'names', 'exchange-tcp'],
  ],
  'protocols/tcp': [
    ...['connect', 'connect-tls', 'listen', 'acceptor', 'dial', 'connect-errors', 'certificate', 'time-limit'],
    ...['tls-options', 'tls-error', 'secure-contexts', 'bind-address'],
    ...['multipath/dial', 'multipath/options', 'multipath/info'],
  ],
  'protocols/http': [
    ...['agent', 'agent-options', 'dispatcher', 'fetch', 'undici-module'],
    ...['plain-connection', 'question', 'request-on', 'secure-connection'],
  ],
  'protocols/icmp/probe': [
    ...['socket-pool', 'echo-request', 'echo-template', 'clock'],
    // How traceroute and path MTU discovery interpret errors.
    ...['error-outcome', 'local-failure', 'source-check'],
  ],
  'protocols/icmp/sweep': ['sweep'],
  'protocols/targets': ['target-source', 'address-block'],
  'protocols/path-mtu': ['path-mtu', 'search'],
  'protocols/traceroute': ['traceroute', 'traceroutes', 'hop', 'route-statistics', 'options'],
  'protocols/udp': ['open-udp', 'open-udp-packets'],
  'protocols/stun': ['attributes', 'behaviour', 'client', 'server'],
  line: [
    'inspect-line',
    'nat',
    'serve-line',
    'server-address',
    'rate/measure-rate',
    'rate/rate-limits',
    'rate/rate-result',
  ],
  'system/devices': ['device', 'devices', 'neighbours', 'watch'],
  'system/privileges': ['privileges'],
  'cli/page': [],
}
/** Subcommands with parts, other than `command`, that others import. */
const sharedSubcommands = ['shared', 'schema', 'monitor', 'mtr']
for (const entry of readdirSync(join(src, 'cli'), { withFileTypes: true })) {
  if (entry.isDirectory() && !sharedSubcommands.includes(entry.name)) faces[`cli/${entry.name}`] ??= ['command']
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))

interface Import {
  target: string
  /** Type imports, which the compiler erases. They are no dependencies at run time. */
  isType: boolean
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8')
  const found = text.matchAll(/(?:\b(?:import|export)\s+(type\s+)?[^'"]*?\bfrom\s+|\bimport\s*\(?\s*)'(\.[^']+)'/g)
  return [...found].map(([, type, target]) => ({
    target: relative(src, join(src, dirname(file), target!)).replace(/\.js$/, ''),
    isType: type !== undefined,
  }))
}

/** Leaves are left of every layer, entries right of all. */
function rank(file: string): number {
  const [top] = file.replace(/\.ts$/, '').split('/')
  if (leaves.includes(top!)) return -1
  if (entries.includes(top!)) return layers.length
  return layers.indexOf(top!)
}

function room(folder: string, file: string): number {
  return rooms[folder]!.indexOf(file.replace(/\.ts$/, '').split('/')[1]!)
}

const inside = (folder: string, file: string) => file.startsWith(`${folder}/`)

const edges = (judged: (file: string, target: string, isType: boolean) => boolean) =>
  files.flatMap(file =>
    importsOf(file)
      .filter(({ target, isType }) => judged(file, target, isType))
      .map(({ target }) => `${file} imports ${target}`),
  )

describe('layers', () => {
  it('hold every source file', () => {
    expect(files.filter(file => rank(file) === -1 && !leaves.includes(file.replace(/\.ts$/, '')))).toEqual([])
  })

  it('import only to their left', () => {
    expect(edges((file, target) => rank(target) > rank(file))).toEqual([])
  })

  it.each(Object.keys(rooms))('have rooms in %s that import only to their left, except for types', folder => {
    const inRooms = files.filter(file => inside(folder, file))
    expect(inRooms.filter(file => room(folder, file) === -1)).toEqual([])
    const wrong = edges(
      (file, target, isType) =>
        !isType && inside(folder, file) && inside(folder, target) && room(folder, target) > room(folder, file),
    )
    expect(wrong).toEqual([])
  })

  it.each(Object.entries(faces))('reach %s only through its faces', (folder, names) => {
    const wrong = edges(
      (file, target, isType) =>
        // The public entries may import all types.
        !(isType && entries.includes(file.replace('.ts', ''))) &&
        inside(folder, target) &&
        !inside(folder, file) &&
        !names.some(name => target === `${folder}/${name}`),
    )
    expect(wrong).toEqual([])
    const reached = files
      .filter(file => !inside(folder, file))
      .flatMap(file => importsOf(file).map(({ target }) => target))
    expect(names.filter(name => !reached.includes(`${folder}/${name}`))).toEqual([])
  })

  it('have subcommands that do not import each other', () => {
    const common = ['shared', 'schema', 'page', 'doctor', 'monitor']
    const sub = (file: string) => (inside('cli', file) && file.split('/').length > 2 ? file.split('/')[1]! : '')
    const wrong = edges((file, target) => {
      const [from, to] = [sub(file), sub(target)]
      return from !== '' && to !== '' && from !== to && !common.includes(to)
    })
    expect(wrong).toEqual([])
  })

  it('have edges that the check finds', () => {
    expect(files.flatMap(importsOf).length).toBeGreaterThan(10)
    expect(importsOf('sockets/open.ts').map(({ target }) => target)).toContain('binding/addon')
  })

  it('keep files small', () => {
    const long = files.filter(file => readFileSync(join(src, file), 'utf8').split('\n').length > 300)
    expect(long).toEqual([])
  })
})

describe('the code map', () => {
  const root = join(src, '..')
  const sections = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').split(/^## /m)
  const map = sections.find(text => text.startsWith('The code map'))
  const named = [...map!.matchAll(/^\| (`.+?) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, path]) => path!),
  )

  it('has every folder, and only existing ones', () => {
    const folders = ['src', 'test', 'tools'].flatMap(top =>
      readdirSync(join(root, top), { withFileTypes: true })
        .filter(entry => entry.isDirectory())
        .map(entry => `${top}/${entry.name}/`),
    )
    expect(folders.filter(folder => !named.includes(folder))).toEqual([])
    expect(named.filter(path => !existsSync(join(root, path)) && !existsSync(join(src, path)))).toEqual([])
  })

  it('draws the layers in their order', () => {
    expect(map).toContain(['native', ...layers].join(' -> '))
    expect(map).toContain(`leaves: ${leaves.join(', ')}`)
  })
})
