import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url))

/** Loads the library ten times, like tools that empty the require cache. Prints the number of descriptors and threads after each load. */
const program = `
  const { readdirSync } = require('node:fs')
  const used = () => readdirSync('/proc/self/fd').length + readdirSync('/proc/self/task').length
  const load = async () => {
    for (const file of Object.keys(require.cache)) delete require.cache[file]
    // Nobody listens on this port, but the socket still waits for an answer.
    await require(${JSON.stringify(library)}).resolve('a.test', { servers: ['127.0.0.1:9'], timeout: 500 }).catch(() => {})
    return used()
  }
  const counts = []
  const run = async () => {
    for (let i = 0; i < 10; i++) counts.push(await load())
    console.log(JSON.stringify(counts))
  }
  run()`

test('reloading through an emptied require cache reuses its thread and descriptors', () => {
  const counts = JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })) as number[]
  expect(counts).toHaveLength(10)
  expect(counts.at(-1)! - counts[1]!).toBeLessThan(3)
})
