// Attacks the page of `netvia monitor`, with and without a token: repeated writes of a thousand pipelined requests, and clients that
// read nothing, on 190 connections. The checks must stay on time, memory must stay bounded, and SIGTERM must end the monitor.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { megabytes } from './account.mjs'

const { host, seconds, uplinks: count, smoke } = JSON.parse(process.argv[2])
const interval = 100
const [port, connections, pipelined] = [9778, 190, 1000]
// The allowed delay of a check in ms, and the allowed growth of memory in MB, both compared with the undisturbed monitor. A smoke run
// is short, and its first figures are those of a process that has just started.
const [mostLate, mostGrowth] = smoke ? [500, 45] : [100, 30]
const token = 'a token of some length'

const folder = mkdtempSync(join(tmpdir(), 'netvia-soak-'))
process.setMaxListeners(0)
process.on('exit', () => rmSync(folder, { recursive: true }))
const wrong = []
for (const secret of [undefined, token]) {
  for (const path of [
    '/',
    '/api/snapshot',
    '/api/history?uplink=uplink0&range=86400',
    '/api/events?after=0&snapshots',
    '/metrics',
  ]) {
    wrong.push(...(await attack(path, secret)))
  }
}
assert.deepEqual(wrong, [])

/** `secret`: the token that the page requires. The attacker doesn't have it. */
async function attack(path, secret) {
  const { child, checks } = startMonitor(secret)
  const ended = new Promise(resolve => child.once('exit', (code, signal) => resolve(signal ?? code)))
  await checks.next(20)
  const quiet = await latest(child.pid, checks, 3000)
  const before = megabytes(child.pid)
  const load = flood(path)
  let memory = 0
  const sampler = setInterval(() => {
    memory = Math.max(memory, megabytes(child.pid))
  }, 50)
  const late = await latest(child.pid, checks, seconds * 1000)
  clearInterval(sampler)
  const { signal, took } = await terminate(child, ended)
  load.stop()
  const what = `${path}${secret ? ', without the token' : ''}`
  console.log(
    `page: ${what}: checks at most ${late.toFixed(0)} ms late (${quiet.toFixed(0)} undisturbed), ${before.toFixed(0)} MB at the start, ` +
      `${memory.toFixed(0)} MB at most, SIGTERM took ${took.toFixed(0)} ms, ${load.connected()} connections made`,
  )
  return [
    ...(late - quiet > mostLate ? [`${what}: a check was ${late} ms late`] : []),
    ...(memory - before > mostGrowth ? [`${what}: ${memory - before} MB more`] : []),
    ...(signal !== 'SIGTERM' || took > 1000 ? [`${what}: SIGTERM took ${took} ms`] : []),
  ]
}

/** `took`: milliseconds until it has ended, but for those in which it or this process waited for a processor. */
async function terminate(child, ended) {
  const [asked, own, before] = [performance.now(), waitedMs(process.pid), waitedMs(child.pid)]
  let waited = 0
  const sampler = setInterval(() => {
    try {
      waited = Math.max(waited, waitedMs(child.pid) - before)
    } catch {
      // It has ended.
    }
  }, 2)
  child.kill('SIGTERM')
  const signal = await Promise.race([ended, sleep(10_000).then(() => child.kill('SIGKILL'))])
  clearInterval(sampler)
  // Both wait at the same time.
  const most = Math.max(waited, waitedMs(process.pid) - own)
  return { signal, took: Math.max(0, performance.now() - asked - most) }
}

function startMonitor(secret) {
  const file = join(folder, 'uplinks.yaml')
  // JSON is valid YAML.
  const uplinks = Array.from({ length: count }, (_, index) => ({
    name: `uplink${index}`,
    device: 'wan1',
    checks: [{ type: 'ping', host }],
  }))
  writeFileSync(file, JSON.stringify({ interval, timeout: 1000, uplinks }))
  const cli = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url))
  const env = secret ? { ...process.env, NETVIA_TOKEN: secret } : process.env
  const child = spawn(
    process.execPath,
    [cli, 'monitor', '--no-socket', '-c', file, '--json', '-v', '--listen', String(port)],
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  process.on('exit', () => child.kill('SIGKILL'))
  const times = []
  createInterface(child.stdout).on('line', line => {
    const { event, uplink, at } = JSON.parse(line)
    if (event === 'check' && uplink === 'uplink0') times.push(at)
  })
  return {
    child,
    checks: {
      times,
      async next(amount) {
        for (const until = times.length + amount; times.length < until; ) await sleep(20)
      },
    },
  }
}

/**
 * The largest delay of a check in ms: the time between two results minus the interval, and minus the time in which the monitor waited for
 * a processor of this machine.
 */
async function latest(pid, { times }, ms) {
  const waits = [[Date.now(), waitedMs(pid)]]
  const from = times.length
  const sampler = setInterval(() => waits.push([Date.now(), waitedMs(pid)]), 20)
  await sleep(ms)
  clearInterval(sampler)
  waits.push([Date.now(), waitedMs(pid)])
  const waited = (start, end) => {
    const [, before] = waits.findLast(([at]) => at <= start) ?? waits[0]
    const [, after] = waits.find(([at]) => at >= end) ?? waits.at(-1)
    return after - before
  }
  const results = [...times.slice(from - 1), Date.now()]
  const late = results.slice(1).map((at, index) => at - results[index] - interval - waited(results[index], at))
  return Math.max(...late, 0)
}

/** Milliseconds for which the threads of a process have waited for a processor so far (the kernel's sched-stats documentation). */
function waitedMs(pid) {
  const threads = readdirSync(`/proc/${pid}/task`)
  const waits = threads.map(thread =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[1]),
  )
  return waits.reduce((sum, wait) => sum + wait) / 1e6
}

function flood(path) {
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
  const all = Buffer.from(request.repeat(pipelined))
  let stopped = false
  let made = 0
  const sockets = new Set()
  const open = index => {
    if (stopped) return
    const socket = connect({ host: '127.0.0.1', port })
    sockets.add(socket)
    socket.on('connect', () => {
      made++
      // A third of the clients each: all requests in one write, sequential requests, and clients that never read the response.
      if (index % 3 === 0) socket.write(all)
      else socket.write(request)
    })
    if (index % 3 === 2) socket.pause()
    else socket.on('data', () => index % 3 === 1 && !path.includes('events') && socket.write(request))
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      setTimeout(open, 100, index)
    })
  }
  for (let index = 0; index < connections; index++) open(index)
  return {
    connected: () => made,
    stop() {
      stopped = true
      for (const socket of sockets) socket.destroy()
    },
  }
}
