import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { httpServer } from './http-servers.js'

const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'netvia-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The number of hidden classes that V8 creates in a process with `count` sequential checks. */
async function hiddenClasses(check: string, count: number): Promise<number> {
  const log = join(folder, `${count}.log`)
  const flags = ['--log-maps', '--no-log-maps-details', '--no-logfile-per-isolate', `--logfile=${log}`]
  const program = `
    const { checkHttp, checkTcp } = require(${JSON.stringify(library)})
    const run = async () => { for (let i = 0; i < ${count}; i++) if (!(await ${check}).ok) process.exit(1) }
    run()`
  await promisify(execFile)(process.execPath, [...flags, '-e', program])
  return readFileSync(log, 'latin1').match(/^map,/gm)!.length
}

// If a check spread several objects, Node 20 would create fourteen hidden classes per HTTP check in its old generation. Later versions
// create none.
test.each(['checkHttp', 'checkTcp'])('%s creates no hidden classes per check', async name => {
  const port = await httpServer((_request, response) => void response.end('hello'))
  const check =
    name === 'checkHttp' ? `checkHttp('http://127.0.0.1:${port}/')` : `checkTcp({ host: '127.0.0.1', port: ${port} })`
  const more = (await hiddenClasses(check, 350)) - (await hiddenClasses(check, 50))
  expect(more / 300).toBeLessThan(3)
})
