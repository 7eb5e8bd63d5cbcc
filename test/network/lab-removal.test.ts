import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { lab } from '../lab/index.js'

const build = new URL('../../tools/lab/build.mjs', import.meta.url).href
const maker = `
  import { spawn } from 'node:child_process'
  import { makeLab } from '${build}'
  const { names } = makeLab()
  spawn('ip', ['netns', 'exec', names.slow, 'sleep', '60'], { stdio: 'ignore' }).unref()
  process.stdin.resume()
  process.stdin.once('data', how => eval(String(how)))
  console.log('made')`

function leftovers(pid: number): string[] {
  const folders = ['/run/netns', '/etc/netns', tmpdir()]
  const entries = folders.flatMap(folder => readdirSync(folder).map(name => `${folder}/${name}`))
  return entries.filter(path => path.includes(`/nv${pid}-`))
}

test.each([
  ['returns', 'process.stdin.destroy()'],
  ['exits', 'process.exit(3)'],
  ['throws', "throw new Error('on purpose')"],
  ['gets SIGTERM', "process.kill(process.pid, 'SIGTERM')"],
  ['gets SIGKILL', "process.kill(process.pid, 'SIGKILL')"],
])('nothing is left of a laboratory whose process %s', async (_how, end) => {
  const process_ = lab.spawn('router', process.execPath, '--input-type=module', '-e', maker)
  await once(process_.stdout!, 'data')
  expect(leftovers(process_.pid!)).toHaveLength(8)
  const exit = once(process_, 'exit')
  process_.stdin!.write(end)
  await exit
  for (let tries = 0; leftovers(process_.pid!).length > 0 && tries < 100; tries++) await sleep(50)
  expect(leftovers(process_.pid!)).toEqual([])
})
