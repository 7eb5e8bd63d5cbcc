import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url))

/** Loads the library ten times, as tools do that empty the require cache, and prints how many descriptors and threads came with each. */
const program = `
  const { readdirSync } = require('node:fs')
  const used = () => readdirSync('/proc/self/fd').length + readdirSync('/proc/self/task').length
  const load = async () => {
    for (const file of Object.keys(require.cache)) delete require.cache[file]
    // Nobody listens there: the socket waits for the answer all the same.
    await require(${JSON.stringify(library)}).resolve('a.test', { servers: ['127.0.0.1:9'], timeout: 500 }).catch(() => {})
    return used()
  }
  const counts = []
  const run = async () => {
    for (let i = 0; i < 10; i++) counts.push(await load())
    console.log(JSON.stringify(counts))
  }
  run()`

test('loaded again through an emptied require cache, it keeps its thread and its descriptors', () => {
  const counts = JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })) as number[]
  expect(counts).toHaveLength(10)
  expect(counts.at(-1)! - counts[1]!).toBeLessThan(3)
})
