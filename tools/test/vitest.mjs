import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'

/** In ms. A run that takes longer counts as hanging. */
const timeLimit = 1_800_000
const running = new Set()
let started = 0
let stopping = false

/**
 * Runs vitest on the Node at `path`, in its own process group, so that all of its processes can be ended. `log` is a file for its
 * output. `shard` selects a part of the files (vitest's --shard). Returns the exit code and the JSON report.
 */
export async function runVitest({ project, path, prefix = [], env, log, shard }, filters) {
  mkdirSync('.cache', { recursive: true })
  const file = `.cache/tests-${process.pid}-${++started}.json`
  const args = ['run', '--project', project, '--reporter=verbose', '--reporter=json', `--outputFile.json=${file}`]
  if (shard) args.push(`--shard=${shard}`)
  if (filters.length) args.push('--passWithNoTests', ...filters)
  const [command, ...rest] = [...prefix, path, 'node_modules/vitest/vitest.mjs', ...args]
  const output = log ? openSync(log, 'a') : 'inherit'
  const child = spawn(command, rest, { stdio: ['ignore', output, output], detached: true, env })
  if (log) closeSync(output)
  running.add(child)
  const watchdog = setTimeout(() => {
    console.log(`\nthe ${project} tests did not finish within ${timeLimit / 1000} s`)
    endGroup(child)
  }, timeLimit)
  const status = await new Promise(resolve => child.on('exit', status => stopping || resolve(status)))
  clearTimeout(watchdog)
  running.delete(child)
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] }
  rmSync(file, { force: true })
  return { status, report }
}

/** Ends all runs. Their promises never resolve. */
export async function stopRuns() {
  stopping = true
  await Promise.all([...running].map(endGroup))
}

async function endGroup(child) {
  const exit = new Promise(resolve => child.on('exit', resolve))
  process.kill(-child.pid, 'SIGTERM')
  const deadline = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 3000)
  await exit
  clearTimeout(deadline)
}
