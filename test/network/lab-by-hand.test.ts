import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { lab } from '../lab/index.js'

const script = fileURLToPath(new URL('../../tools/lab/shell.mjs', import.meta.url))

/** A busy machine takes seconds to remove a laboratory. */
const patience = { timeout: 30_000, interval: 20 }

/** Starts `npm run lab` with a shell that reads commands from a pipe, and collects the output. */
function labByHand() {
  const child = lab.spawn('router', 'env', 'SHELL=/bin/sh', process.execPath, script)
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const prints = (what: string | RegExp) => expect.poll(() => output, patience).toMatch(what)
  let commands = 0
  return {
    child,
    prints,
    output: () => output,
    /** Runs a line in the shell. Returns its output and exit code. */
    async run(line: string) {
      const end = `[${++commands}]`
      const before = output.length
      child.stdin!.write(`${line}\necho "code $? ${end}"\n`)
      await expect.poll(() => output.slice(before), patience).toContain(end)
      // More output of a monitor in the background may follow.
      const [printed] = output.slice(before).split(end)
      return { printed, code: Number(/code (\d+) $/.exec(printed!)?.[1]) }
    },
  }
}

/** The suggested commands, without their comments. */
const offered = (text: string) =>
  [...text.matchAll(/^ {2}((?:netvia|ip netns exec) [^…\n]+?)(?: {3}#.*)?$/gm)].map(match => match[1]!)

test('every command that the laboratory suggests works there as printed', { timeout: 180_000 }, async () => {
  const shell = labByHand()
  await shell.prints('"exit" removes everything.')
  const lines = offered(shell.output())
  const checks = lines.filter(line => line.startsWith('netvia') && !line.includes('monitor'))
  expect(checks).toHaveLength(8)
  const relay = lines.find(line => line.endsWith('&'))!
  const slow = checks.pop()!
  for (const line of checks) expect(await shell.run(line), line).toMatchObject({ code: 0 })
  expect((await shell.run(checks[0]!)).printed).toMatch(/wan1 +5\/5 +200.*\nwan2 +5\/5 +200/)
  await shell.run(relay)
  // The relay works as soon as a reply arrives.
  expect(await shell.run(`until netvia ping -q -c 1 -W 0.2 ${lab.slow.address4}; do :; done`)).toMatchObject({
    code: 0,
  })
  expect(await shell.run(slow)).toMatchObject({ code: 0 })
  shell.child.stdin!.end('exit 7\n')
  await expect.poll(() => shell.child.exitCode, patience).toBe(7)
  expect(readdirSync('/run/netns').filter(name => name.startsWith(`nv${shell.child.pid}-`))).toEqual([])
})

test('the suggested monitor shows the suggested outage and its end', { timeout: 180_000 }, async () => {
  const shell = labByHand()
  await shell.prints('"exit" removes everything.')
  const lines = offered(shell.output())
  const monitor = lines.find(line => line.includes('monitor'))!
  const [begin, end] = lines.filter(line => line.includes('blackhole'))
  await shell.run(`${monitor} --no-socket & monitor=$!`)
  await shell.prints(/first: unknown -> up/)
  expect(await shell.run(begin!)).toMatchObject({ code: 0 })
  await shell.prints(/first: up -> down/)
  expect(await shell.run(end!)).toMatchObject({ code: 0 })
  await shell.prints(/first: down -> (up|degraded)/)
  expect(shell.output()).not.toMatch(/second: up -> down/)
  await shell.run('kill $monitor')
})
