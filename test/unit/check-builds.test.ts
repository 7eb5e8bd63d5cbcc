import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { closedPort } from './http-servers.js'

const run = promisify(execFile)
const cwd = fileURLToPath(new URL('../..', import.meta.url))

/** Both builds, as a user's program has them; scripts/test.mjs compiles them. */
describe.each([
  ['ESM', 'module', (entry: string) => `await import('./dist/${entry}.js')`],
  ['CommonJS', 'commonjs', (entry: string) => `require('./dist/${entry}.cjs')`],
])('the %s build', (_name, type, load) => {
  const evaluate = async (program: string) => {
    const { stdout } = await run(process.execPath, [`--input-type=${type}`, '-e', program], { cwd })
    return JSON.parse(stdout)
  }

  test('opens sockets', async () => {
    const options = JSON.stringify({ host: '127.0.0.1', port: await closedPort(), device: 'lo' })
    const program = `const { checkTcp } = ${load('index')}
      checkTcp(${options}).then(result => console.log(JSON.stringify(result)))`
    expect(await evaluate(program)).toMatchObject({ ok: false, error: { code: 'ECONNREFUSED', device: 'lo' } })
  })

  test('finds undici', async () => {
    const url = `http://127.0.0.1:${await closedPort()}/`
    const program = `const { fetch } = ${load('undici')}
      fetch('${url}', { device: 'lo' }).catch(({ cause }) => console.log(JSON.stringify(cause)))`
    expect(await evaluate(program)).toMatchObject({ code: 'ECONNREFUSED', device: 'lo' })
  })
})
