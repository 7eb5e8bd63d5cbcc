// The tests: `npm test`, or `node tools/test/run.mjs [unit|network|faults|services] [--every-node] [--times N] [file name parts or vitest options …]`.
// Run by their names only: `faults`, for which an addon is compiled whose system calls can be told to fail, and `services`, which
// boots machines. With --every-node the network tests run on other Nodes too, six runs at a time (every-node.mjs). With --times N each
// run is made N times, also six at a time: a busy machine, which shows what is flaky.
// Last line: N passed, N failed[, N flaky][, N skipped]. With CI or NETVIA_NO_SKIPS set, a skipped test is a failed one.
import { readFileSync, rmSync } from 'node:fs'
import { compile } from '../build/compile.mjs'
import { labContext, makeLab } from '../lab/build.mjs'
import { whyNoLab } from '../lab/namespaces.mjs'
import { buildDebugAddon } from '../native/debug-addon.mjs'
import { pool } from '../pool.mjs'
import { root } from '../root.mjs'
import { thisNode } from '../runtimes/nodes.mjs'
import { everyNode } from './every-node.mjs'
import { readReport } from './report.mjs'
import { runVitest, stopRuns } from './vitest.mjs'

process.chdir(root)

const noSkips = Boolean(process.env.CI || process.env.NETVIA_NO_SKIPS)
/** Runs at the same time. Those of the network wait most of the time; with more, tests of a machine with two processors are late. */
const atOnce = 6
/** What runs for each project. */
const runsOf = {
  unit: () => [{}],
  network: () => (onEveryNode ? everyNode(filters).flatMap(onNode) : [inLab()]),
  services: () => [inLab()],
  faults: () => [inLab({ NETVIA_PREBUILD: buildDebugAddon('faults', { faults: 1 }) })],
}
const args = process.argv.slice(2)
const projects = Object.hasOwn(runsOf, args[0]) ? [args.shift()] : ['unit', 'network']
const timesAt = args.indexOf('--times')
const times = timesAt < 0 ? 1 : Number(args.splice(timesAt, 2)[1])
const filters = args.filter(arg => arg !== '--every-node')
const onEveryNode = args.includes('--every-node')

for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
]) {
  process.on(signal, async () => {
    await stopRuns()
    process.exit(128 + number)
  })
}

/** What to say of single tests, at the end. */
const remarks = []
const totals = { passed: 0, failed: 0, flaky: 0, skipped: 0 }
// Someone who runs a few files in the middle of an edit gets their results all the same.
if (!compile() && filters.length === 0) totals.failed = 1
const runs = projects
  .flatMap(project => Array.from({ length: times }, () => runsOf[project]().map(run => ({ project, ...run }))).flat())
  .map(run => ({ name: thisNode, path: process.execPath, env: process.env, ...run }))
  .map((run, index) => ({ ...run, log: logOf(index) }))
await pool(runs.length, atOnce, async index => {
  const run = runs[index]
  count(run, await runVitest(run, run.files ?? filters))
})
if (noSkips && totals.skipped) {
  console.log(`\n${totals.skipped} skipped tests count as failed`)
  totals.failed += totals.skipped
  totals.skipped = 0
}
if (totals.passed + totals.failed + totals.skipped === 0) {
  console.log('\nno test was found')
  totals.failed = 1
}
if (remarks.length) console.log(`\n${remarks.join('\n')}`)
console.log(inWords(totals))
process.exitCode = totals.failed ? 1 : 0

function inLab(variables = {}) {
  const missing = whyNoLab()
  const lab = missing ? labContext({ missing }) : makeLab()
  const prefix = missing ? [] : ['ip', 'netns', 'exec', lab.names.router]
  return { prefix, env: { ...process.env, ...variables, NETVIA_LAB: JSON.stringify(lab) } }
}

/** Some Nodes run their files in several laboratories: they take longest, and wait most of the time. */
function onNode({ name, path, files, shards }) {
  return Array.from({ length: shards }, (_, index) => ({
    ...inLab(),
    name,
    path,
    files,
    shard: `${index + 1}/${shards}`,
  }))
}

/** The output of the first run shows that it goes on; that of the others is shown where a test failed or was skipped. */
function logOf(index) {
  if (index === 0) return undefined
  const log = `.cache/tests-${process.pid}-${index}.log`
  process.on('exit', () => rmSync(log, { force: true }))
  return log
}

function count(run, { status, report }) {
  const { counts, words } = readReport(report)
  // Unhandled errors, or a run that broke off: failed without a failed test.
  if (status !== 0 && counts.failed === 0) {
    counts.failed = 1
    words.push(`FAILED: the ${run.project} tests ended with status ${status}`)
  }
  // Skipped tests are named there, with the reason.
  if (run.log && (counts.failed || counts.skipped)) console.log(readFileSync(run.log, 'utf8'))
  console.log(`${run.project} tests on ${run.name}: ${inWords(counts)}`)
  remarks.push(...words.map(word => `${run.name}: ${word}`))
  for (const key of Object.keys(totals)) totals[key] += counts[key]
}

function inWords({ passed, failed, ...rest }) {
  const others = Object.entries(rest).filter(([, number]) => number > 0)
  return [`${passed} passed`, `${failed} failed`, ...others.map(([name, number]) => `${number} ${name}`)].join(', ')
}
