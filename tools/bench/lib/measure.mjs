// Runs one program in the laboratory, and reads its results and its cost.
import { spawn } from 'node:child_process'

/**
 * Runs a command under `tools/bench/baseline/measure.c`. Resolves with its output, its exit code and its `cost`: `{ wallSeconds,
 * processCpuSeconds, memoryMb }` of the process and the children that it has waited for.
 */
export async function measure(command, { limitMs, environment = {} }) {
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...environment },
  })
  let late = false
  const end = () => {
    late = true
    process.kill(-child.pid, 'SIGKILL')
  }
  const timer = setTimeout(end, limitMs)
  const [stdout, stderr, cost, code] = await Promise.all([
    ...[1, 2, 3].map(index => text(child.stdio[index])),
    new Promise((resolve, reject) => child.on('close', resolve).on('error', reject)),
  ])
  clearTimeout(timer)
  if (late) throw new Error(`not done after ${limitMs / 1000} s`)
  return { stdout, stderr, code, cost: JSON.parse(cost || '{}') }
}

async function text(stream) {
  let all = ''
  for await (const part of stream.setEncoding('utf8')) all += part
  return all
}

/** Parses the result of a bench program: the last line, in JSON. */
export function ownReport({ stdout, stderr, code }) {
  const line = stdout.trim().split('\n').at(-1)
  if (code !== 0 || !line?.startsWith('{')) throw new Error(`exit code ${code}: ${stderr.trim() || stdout.trim()}`)
  return JSON.parse(line)
}

/** All figures of a run: those that the program reported, the cost of its process, and the rates computed from both. */
export function numbers(report, cost) {
  const { items, seconds = cost.wallSeconds, cpuSeconds = cost.processCpuSeconds, ...rest } = report
  // The report wins: a program that measures another one reports the memory of that one.
  const result = { ...cost, ...rest, items, seconds, cpuSeconds }
  if (items > 0) {
    result.rate = items / seconds
    result.cpuPerItemUs = (cpuSeconds / items) * 1e6
  }
  return result
}
