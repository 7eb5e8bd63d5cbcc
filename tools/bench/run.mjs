// `npm run bench [-- workload …] [--rounds 7] [--only name …] [--smoke] [--publish]`
// Measures netvia, the alternatives and the physical limit side by side, see docs/performance/method.md. Needs root, gcc and iproute2.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compile } from '../build/compile.mjs'
import { whyNoLab } from '../lab/namespaces.mjs'
import { makeLab } from './lib/lab.mjs'
import { baseline, cache, go, installPeers, peersManifest } from './lib/programs.mjs'
import { publish } from './lib/publish.mjs'
import { chart, markdown } from './lib/report.mjs'
import { runWorkload } from './lib/rounds.mjs'
import { judge, summarize } from './lib/statistics.mjs'
import { workloads } from './workloads/index.mjs'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', multiple: true },
    smoke: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
})
const unknown = positionals.filter(name => !(name in workloads))
const rounds = flags.smoke ? 1 : Number(flags.rounds)
if (unknown.length || !(rounds >= 1)) {
  console.error(`unknown: ${unknown.join(', ') || flags.rounds}; workloads: ${Object.keys(workloads).join(', ')}`)
  process.exit(3)
}
if (flags.publish && (flags.smoke || flags.only)) {
  console.error('--publish needs whole workloads: it cannot be combined with --smoke or --only')
  process.exit(3)
}
const missing = whyNoLab()
if (missing) {
  console.error(`The bench cannot run: ${missing}`)
  process.exit(4)
}
if (!compile()) process.exit(1)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

// A smoke run doesn't need the npm packages, except in CI, where tests use them afterwards.
if ((!flags.smoke || process.env.CI) && !installPeers() && process.env.CI) process.exit(1)
const lab = await makeLab(baseline)
const driver = (name, ...args) =>
  lab.inNear(process.execPath, fileURLToPath(new URL(`drivers/${name}.mjs`, import.meta.url)), ...args)
const setup = { lab, smoke: flags.smoke, baseline, go, driver }

const results = {}
for (const name of positionals.length ? positionals : Object.keys(workloads)) {
  const workload = workloads[name](setup)
  if (flags.only)
    workload.contestants = workload.contestants.filter(one => flags.only.some(part => one.name.includes(part)))
  console.error(`${name}: ${workload.title}`)
  const run = await runWorkload(workload, {
    rounds: Math.min(rounds, workload.rounds ?? rounds),
    environment: { NETVIA_BENCH_PEERS: peersManifest },
    say: text => console.error(text),
    together: flags.smoke,
  })
  results[name] = resultOf(workload, run)
  console.log(flags.smoke ? `${name}: ${attendance(results[name])}` : `\n${markdown(results[name])}\n`)
}

mkdirSync(cache, { recursive: true })
const machine = {
  cpu: `${cpus().length} × ${cpus()[0].model.trim()}`,
  kernel: release(),
  node: process.version,
  version: JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version,
  date: new Date().toISOString().slice(0, 10),
}
writeFileSync(join(cache, 'results.json'), `${JSON.stringify({ machine, results }, null, 2)}\n`)
for (const [name, result] of Object.entries(results)) {
  const picture = chart(result)
  if (picture) writeFileSync(join(cache, `${name}.svg`), picture)
}
console.log(`Results and charts: .cache/bench/`)
if (flags.publish) publish(machine, results)
const netviaFailed = Object.values(results).some(({ failures, contestants }) =>
  failures.some(failure => contestants.some(({ name, role }) => role !== 'peer' && name === failure.name)),
)
process.exit(netviaFailed ? 1 : 0)

function resultOf({ title, contestants, columns, chart, targets }, { rounds: perRound, absent, failures }) {
  return {
    title,
    rounds: perRound.length,
    contestants: contestants.map(({ name, role }) => ({ name, role })),
    columns,
    chart,
    summaries: summarize(perRound),
    targets: targets.map(target => ({ ...target, wanted: wantedOf(target), measured: judge(target, perRound) })),
    absent,
    failures,
    perRound,
  }
}

/** The report of a smoke run, whose figures mean nothing. */
function attendance({ summaries, absent, failures }) {
  const names = [...Object.values(absent), ...failures.map(({ name, reason }) => `${name} failed: ${reason}`)]
  return [`${Object.keys(summaries).length} ran`, ...names].join('; ')
}

function wantedOf({ atLeast, atMost }) {
  return atLeast !== undefined ? `≥ ${atLeast}` : `≤ ${atMost}`
}
