// Runs the tests: `npm test`, or
// `node tools/test/run.mjs [unit|network|faults|services] [--every-node] [--times N] [file name parts or vitest options …]`
// `faults` and `services` run only if you name them. `faults` compiles an addon whose system calls can be made to fail. `services` boots
// machines. --every-node runs them on other Nodes too, eight runs at a time (every-node.mjs). --times N repeats each run N times, also
// eight at a time. That keeps the machine busy and shows flaky tests.
// The last line of the output is "N passed, N failed[, N flaky][, N skipped]". With CI or NETVIA_NO_SKIPS set, skipped tests count as
// failed.
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
/** Concurrent runs. Network tests wait most of the time. With more runs, tests would be late on two processors. */
const atOnce = 8
/** The runs for each project. */
const runsOf = {
  unit: () => (onEveryNode ? everyNode('unit', filters) : [{}]),
  network: () => (onEveryNode ? everyNode('network', filters).flatMap(onNode) : [inLab()]),
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

/** Lines about single tests for the end of the output. */
const remarks = []
const totals = { passed: 0, failed: 0, flaky: 0, skipped: 0 }
// If you run single files in the middle of an edit, their results still count.
if (!compile() && filters.length === 0) totals.failed = 1
const runs = projects
  .flatMap(project => Array.from({ length: times }, () => runsOf[project]().map(run => ({ project, ...run }))).flat())
  .map(run => ({ name: thisNode, path: process.execPath, env: process.env, ...run }))
  // A long run that starts last runs alone at the end.
  .sort((a, b) => Number(a.isPart ?? false) - Number(b.isPart ?? false))
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
  console.log('\nno tests found')
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

/** One run per shard, each in its own laboratory. These runs take longest, and mostly wait. */
function onNode({ shards, ...run }) {
  return Array.from({ length: shards }, (_, index) => ({
    ...inLab(),
    ...run,
    shard: `${index + 1}/${shards}`,
  }))
}

/** The output of the first run appears live, as progress. That of the others appears if a test failed or was skipped. */
function logOf(index) {
  if (index === 0) return undefined
  const log = `.cache/tests-${process.pid}-${index}.log`
  process.on('exit', () => rmSync(log, { force: true }))
  return log
}

function count(run, { status, report }) {
  const { counts, words } = readReport(report)
  // The run failed without a failed test: an unhandled error, or an aborted run.
  if (status !== 0 && counts.failed === 0) {
    counts.failed = 1
    words.push(`FAILED: the ${run.project} tests ended with status ${status}`)
  }
  // The log names skipped tests with the reason.
  if (run.log && (counts.failed || counts.skipped)) console.log(readFileSync(run.log, 'utf8'))
  console.log(`${run.project} tests on ${run.name}: ${inWords(counts)}`)
  remarks.push(...words.map(word => `${run.name}: ${word}`))
  for (const key of Object.keys(totals)) totals[key] += counts[key]
}

function inWords({ passed, failed, ...rest }) {
  const others = Object.entries(rest).filter(([, number]) => number > 0)
  return [`${passed} passed`, `${failed} failed`, ...others.map(([name, number]) => `${number} ${name}`)].join(', ')
}
