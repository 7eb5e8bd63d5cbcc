// `npm run test:runtimes [part of a name …]` runs test/runtimes/smoke.mjs in every runtime of tools/runtimes/table.mjs. It needs root,
// Debian's qemu-user-static, musl and the C libraries of the foreign machines (see .ci/run). The last line of its output is
// "N passed, N failed".
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { compile } from '../build/compile.mjs'
import { root } from '../root.mjs'
import { runHosts } from './hosts.mjs'
import { prepareMusl } from './musl.mjs'
import { isolated } from './network.mjs'
import { installRuntimes } from './nodes.mjs'
import { runtimes } from './table.mjs'

const smoke = join(root, 'test/runtimes/smoke.mjs')
const chosen = process.argv.slice(2)
const totals = { passed: 0, failed: 0 }

installRuntimes()
if (!compile()) process.exit(1)
prepareMusl()

// One lane per processor. All lanes take from the same iterator.
const waiting = Object.entries(runtimes)
  .filter(([name]) => !chosen.length || chosen.some(part => name.includes(part)))
  .values()
const lane = async () => {
  for (const [name, runtime] of waiting) await judge(name, runtime)
}
await Promise.all(Array.from({ length: availableParallelism() }, lane))
if (!chosen.length) for (const [name, error] of runHosts()) count(name, error)

console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exit(totals.failed === 0 ? 0 : 1)

async function judge(name, { command, env, missing = {} }) {
  const [program, ...args] = isolated([...command, smoke])
  const run = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...env },
  })
  const [stdout, stderr, [status, signal]] = await Promise.all([text(run.stdout), text(run.stderr), once(run, 'exit')])
  const lines = stdout.split('\n')
  for (const line of lines) {
    const [, bad, title, message] = /^(not )?ok ([^:]+)(?:: (.*))?$/.exec(line) ?? []
    if (title === undefined) continue
    const refusal = missing[title]
    if (bad && refusal?.test(message.trim())) count(`${name}: ${title}, refused as known`)
    else count(`${name}: ${title}`, bad && message)
  }
  const ended = lines.includes('end') && status === 0
  count(`${name}: ends by itself`, ended ? undefined : `${signal ?? status} ${stderr}`)
}

function count(name, error) {
  totals[error ? 'failed' : 'passed']++
  console.log(error ? `FAIL  ${name}: ${error}` : `ok    ${name}`)
}
