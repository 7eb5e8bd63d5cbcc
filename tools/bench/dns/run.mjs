// `npm run bench:dns [-- --rounds 3] [--publish]` measures how long netvia, getent and dig take to look up an address with each
// kind of faulty name server. It runs in its own namespaces and uses only loopback. It needs root and dig. `--publish` writes the
// table into docs/performance/dns.md.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { compile } from '../../build/compile.mjs'
import { median } from '../lib/statistics.mjs'
import { faults } from './faults.mjs'

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, publish: { type: 'boolean', default: false } },
})
const isolated = 'NETVIA_BENCH_ISOLATED'
const path = name => fileURLToPath(new URL(name, import.meta.url))
/** The number of names used so far. Every lookup uses a new name, because the faulty servers remember names. */
let names = 0
/** Longer than any lookup takes. */
const limitMs = 30_000

if (process.env[isolated]) await measureAll()
else {
  if (!compile()) process.exit(1)
  const child = spawn('unshare', ['--net', '--mount', process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [isolated]: '1' },
  })
  const [code] = await once(child, 'exit')
  process.exit(code ?? 1)
}

async function measureAll() {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  const folder = mkdtempSync(join(tmpdir(), 'netvia-dns-'))
  const server = spawn(process.execPath, [path('faulty-server.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(server.stdout, 'data')
    const resolvConf = join(folder, 'resolv.conf')
    writeFileSync(resolvConf, '')
    execFileSync('mount', ['--bind', resolvConf, '/etc/resolv.conf'])
    // Use only /etc/hosts and DNS, whatever the machine has configured.
    const nsswitch = join(folder, 'nsswitch.conf')
    writeFileSync(nsswitch, 'hosts: files dns\n')
    execFileSync('mount', ['--bind', nsswitch, '/etc/nsswitch.conf'])
    const rows = []
    for (const { title, servers } of faults) {
      writeFileSync(resolvConf, servers.map(({ address }) => `nameserver ${address}\n`).join(''))
      const row = { title, ...(await measure()) }
      console.error(`${title}: ${JSON.stringify(row)}`)
      rows.push(row)
    }
    report(rows)
  } finally {
    server.kill()
    rmSync(folder, { recursive: true })
  }
}

/** The median time of each tool in ms. The tools take turns. Undefined if any lookup of a tool had no answer. */
async function measure() {
  const times = { netvia: [], getent: [], dig: [] }
  for (let round = 0; round < Number(flags.rounds); round++) {
    const name = () => `host${++names}.test`
    times.netvia.push(Number(await output(process.execPath, path('netvia.mjs'), name())) || undefined)
    times.getent.push(await timed('getent', 'ahosts', name()))
    times.dig.push(await timed('dig', '+short', name(), 'A'))
  }
  return Object.fromEntries(
    Object.entries(times).map(([tool, all]) => [tool, all.includes(undefined) ? undefined : median(all)]),
  )
}

async function output(...command) {
  const [file, ...args] = command
  const { stdout } = await promisify(execFile)(file, args, { timeout: limitMs })
  return stdout
}

/** The duration of the command in ms, or undefined if its output lacks the answer. */
async function timed(...command) {
  const start = performance.now()
  const stdout = await output(...command).catch(() => '')
  return stdout.includes('192.0.2.1') ? performance.now() - start : undefined
}

function report(rows) {
  const cell = value => (value === undefined ? 'no answer' : `${value < 10 ? value.toFixed(1) : Math.round(value)}`)
  const lines = rows.map(
    ({ title, netvia, getent, dig }) => `| ${[title, cell(netvia), cell(getent), cell(dig)].join(' | ')} |`,
  )
  const table = ['| fault | netvia | getent | dig |', '|---|--:|--:|--:|', ...lines].join('\n')
  console.log(table)
  const tooSlow = rows.filter(({ netvia = Number.POSITIVE_INFINITY, getent, dig }) => {
    return netvia > Math.min(getent ?? Number.POSITIVE_INFINITY, dig ?? Number.POSITIVE_INFINITY) + 50
  })
  for (const { title } of tooSlow) console.error(`more than 50 ms slower than both getent and dig: ${title}`)
  if (flags.publish) publish(table)
  process.exitCode = tooSlow.length > 0 ? 1 : 0
}

function publish(table) {
  const page = path('../../../docs/performance/dns.md')
  const [begin, end] = ['<!-- begin of bench:dns -->', '<!-- end of bench:dns -->']
  const text = readFileSync(page, 'utf8')
  const [before, rest] = text.split(begin)
  writeFileSync(page, `${before}${begin}\n\n${table}\n\n${end}${rest.split(end)[1]}`)
}
