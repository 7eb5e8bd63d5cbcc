// Runs one program in the laboratory and reads what it did and what it cost.
import { spawn } from 'node:child_process'

/**
 * Runs a command under `bench/baseline/measure`. Resolves with its output, exit code, and `cost`: `{ wallSeconds,
 * processCpuSeconds, memoryMb }` of the whole process, its reaped children included.
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

/** What a program of ours prints: one line of JSON, the last. */
export function ownReport({ stdout, stderr, code }) {
  const line = stdout.trim().split('\n').at(-1)
  if (code !== 0 || !line?.startsWith('{')) throw new Error(`exit code ${code}: ${stderr.trim() || stdout.trim()}`)
  return JSON.parse(line)
}

/** All numbers of one run: what the program said of itself, what its process cost, and what follows from both. */
export function numbers(report, cost) {
  const { items, seconds = cost.wallSeconds, cpuSeconds = cost.processCpuSeconds, ...rest } = report
  // A program that watches another tells that one's memory.
  const result = { ...cost, ...rest, items, seconds, cpuSeconds }
  if (items > 0) {
    result.rate = items / seconds
    result.cpuPerItemUs = (cpuSeconds / items) * 1e6
  }
  return result
}
