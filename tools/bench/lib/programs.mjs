// The measured programs: compiled from baseline/ and go/ into .cache, installed from npm into .cache, or from Debian packages.
// A missing program is reported with the reason.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bench = fileURLToPath(new URL('..', import.meta.url))
export const cache = fileURLToPath(new URL('../../../.cache/bench/', import.meta.url))
const peers = join(cache, 'peers')

const debian = {
  fping: 'fping',
  nmap: 'nmap',
  masscan: 'masscan',
  ping: 'iputils-ping',
  go: 'golang-go',
  gcc: 'gcc',
  tcpdump: 'tcpdump',
  microsocks: 'microsocks',
  danted: 'dante-server',
  mtr: 'mtr-tiny',
  traceroute: 'traceroute',
  nginx: 'nginx',
  dnsmasq: 'dnsmasq',
  openssl: 'openssl',
  'prometheus-blackbox-exporter': 'prometheus-blackbox-exporter',
}

const changed = path => (existsSync(path) ? statSync(path).mtimeMs : 0)

function build(what, output, sources, command, args, environment = {}) {
  mkdirSync(dirname(output), { recursive: true })
  if (changed(output) > Math.max(...sources.map(changed))) return output
  const { status, error, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  if (status !== 0) throw new Error(`${what} does not compile: ${error?.message ?? stderr}`)
  return output
}

/** The path of a program of tools/bench/baseline. Compiles it if necessary. */
export function baseline(name) {
  const folder = join(bench, 'baseline')
  const headers = readdirSync(folder).filter(file => file.endsWith('.h'))
  const source = join(folder, `${name}.c`)
  const output = join(cache, 'baseline', name)
  const sources = [source, ...headers.map(file => join(folder, file))]
  return build(`tools/bench/baseline/${name}.c`, output, sources, 'gcc', [
    '-O2',
    '-Wall',
    '-std=gnu17',
    '-o',
    output,
    source,
  ])
}

/** The path of a program of tools/bench/go. Compiles it if necessary. */
export function go(name) {
  const source = join(bench, 'go', `${name}.go`)
  const output = join(cache, 'go', name)
  const environment = { GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(cache, 'go-cache') }
  return build(`tools/bench/go/${name}.go`, output, [source], 'go', ['build', '-o', output, source], environment)
}

/** The reason why a command is missing, or undefined if it is installed. */
function missingCommand(name) {
  if (spawnSync('sh', ['-c', `command -v ${name}`]).status === 0) return undefined
  return `${name} is not installed (Debian package ${debian[name]})`
}

/** Installs the packages of tools/bench/peers/package.json into .cache. Returns false if that fails. */
export function installPeers() {
  const wanted = readFileSync(join(bench, 'peers', 'package.json'), 'utf8')
  const manifest = join(peers, 'package.json')
  if (existsSync(manifest) && readFileSync(manifest, 'utf8') === wanted) return true
  mkdirSync(peers, { recursive: true })
  writeFileSync(manifest, wanted)
  const install = spawnSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
    cwd: peers,
    encoding: 'utf8',
  })
  if (install.status === 0) return true
  writeFileSync(manifest, '')
  console.error(`The npm packages to compare with could not be installed: ${install.stderr}`)
  return false
}

/** The drivers load the npm packages through it: `createRequire(process.env.NETVIA_BENCH_PEERS)`. */
export const peersManifest = join(peers, 'package.json')

function missingPackage(name) {
  const { status } = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(name)})`], { cwd: peers })
  return status === 0 ? undefined : `the npm package ${name} is not installed (tools/bench/peers/package.json)`
}

/** The reason why a need such as 'fping', 'go' or 'npm:net-ping' isn't met, or undefined if it is. */
export function missing(need) {
  known[need] ??= { reason: need.startsWith('npm:') ? missingPackage(need.slice(4)) : missingCommand(need) }
  return known[need].reason
}
const known = {}
