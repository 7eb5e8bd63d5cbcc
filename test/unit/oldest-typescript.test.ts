import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type typescript from 'typescript'
import { expect, test } from 'vitest'
import { root, typeErrors } from './type-program.js'

const ts: typeof typescript = createRequire(import.meta.url)('typescript-oldest')

test('the declarations compile with the oldest TypeScript that the README names', () => {
  const [, named] = /TypeScript (\d+\.\d+) or later/.exec(readFileSync(join(root, 'README.md'), 'utf8'))!
  expect(ts.versionMajorMinor).toBe(named)
  const found = typeErrors(
    ts,
    `import { checkHttp, pings, UplinkMonitor, via } from '${join(root, 'dist/index.js')}'
const result = await checkHttp('http://name.test/')
if (result.ok) console.log(result.status + 1)
for await (const { outcome } of pings('::1')) console.log(outcome.toUpperCase())
console.log(UplinkMonitor, (await via('wan2').ping('::1', { device: 'wan2' })).rttMs)
export const wrong: number = result.ok
`,
  )
  expect(found).toEqual([{ inProgram: true, text: "Type 'boolean' is not assignable to type 'number'." }])
})
