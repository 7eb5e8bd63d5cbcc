// The tests: `npm test`, or `node scripts/test.mjs [unit|network|faults|services] [file name parts or vitest options …]`.
// Run by their names only: `faults`, for which an addon is compiled whose system calls can be told to fail, and `services`, which
// boots machines.
// Last line: N passed, N failed[, N skipped]. With CI or NETVIA_NO_SKIPS set, a skipped test is a failed one.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { labContext, makeLab, whyNoLab } from '../test/lab/build.mjs'
import { compile } from './compile.mjs'
import { buildDebugAddon } from './debug-addon.mjs'
import { failedFiles, readReports } from './test-report.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

const noSkips = Boolean(process.env.CI || process.env.NETVIA_NO_SKIPS)
const runners = {
  unit: () => runProject('unit', [], process.env),
  network: () => runInLab('network', process.env),
  services: () => runInLab('services', process.env),
  faults: () => runInLab('faults', { ...process.env, NETVIA_PREBUILD: buildDebugAddon('faults', { faults: 1 }) }),
}
const projects = Object.hasOwn(runners, process.argv[2]) ? [process.argv[2]] : ['unit', 'network']
const filters = process.argv.slice(projects.length === 1 ? 3 : 2)
/** A run that takes longer hangs, in ms. */
const timeLimit = 600_000
let running
let stopping = false

for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
]) {
  process.on(signal, async () => {
    stopping = true
    if (running) await endGroup(running)
    process.exit(128 + number)
  })
}

/** What to say of single tests, at the end. */
const remarks = []
const totals = { passed: 0, failed: 0, skipped: 0 }
// Someone who runs a few files in the middle of an edit gets their results all the same.
if (!compile() && filters.length === 0) totals.failed = 1
for (const project of projects) {
  const counts = await runners[project]()
  for (const key of Object.keys(totals)) totals[key] += counts[key]
}
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
console.log(`${totals.passed} passed, ${totals.failed} failed${totals.skipped ? `, ${totals.skipped} skipped` : ''}`)
process.exitCode = totals.failed ? 1 : 0

function runInLab(project, env) {
  const missing = whyNoLab()
  const lab = missing ? labContext({ missing }) : makeLab()
  const prefix = missing ? [] : ['ip', 'netns', 'exec', lab.names.router]
  return runProject(project, prefix, { ...env, NETVIA_LAB: JSON.stringify(lab) })
}

/** The files that failed run a second time by themselves, in a new process: what the first left behind is not in their way. */
async function runProject(project, prefix, env) {
  const first = await runVitest(project, prefix, env, filters)
  const again = failedFiles(first.report)
  const second = again.length > 0 && !stopping ? await runVitest(project, prefix, env, again) : undefined
  const { counts, words } = readReports(first.report, second?.report)
  // Unhandled errors, or a run that broke off: failed without a failed test.
  const status = (second ?? first).status
  if (status !== 0 && counts.failed === 0) {
    counts.failed = 1
    words.push(`FAILED: the ${project} tests ended with status ${status}`)
  }
  remarks.push(...words)
  return counts
}

/** One run of vitest, in its own process group so that nothing of it is left when it has to end. */
async function runVitest(project, prefix, env, filters) {
  const file = `.cache/tests-${process.pid}-${project}.json`
  mkdirSync('.cache', { recursive: true })
  const args = ['run', '--project', project, '--reporter=verbose', '--reporter=json', `--outputFile.json=${file}`]
  if (filters.length) args.push('--passWithNoTests', ...filters)
  const [command, ...rest] = [...prefix, process.execPath, 'node_modules/vitest/vitest.mjs', ...args]
  const child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit'], detached: true, env })
  running = child
  const watchdog = setTimeout(() => {
    console.log(`\nthe ${project} tests did not end within ${timeLimit / 1000} s`)
    endGroup(child)
  }, timeLimit)
  const status = await new Promise(resolve => child.on('exit', status => stopping || resolve(status)))
  clearTimeout(watchdog)
  running = undefined
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] }
  rmSync(file, { force: true })
  return { status, report }
}

async function endGroup(child) {
  const exit = new Promise(resolve => child.on('exit', resolve))
  process.kill(-child.pid, 'SIGTERM')
  const deadline = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 3000)
  await exit
  clearTimeout(deadline)
}
