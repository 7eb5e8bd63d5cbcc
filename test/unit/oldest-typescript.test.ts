import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type typescript from 'typescript'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const ts: typeof typescript = createRequire(import.meta.url)('typescript-oldest')

test('the declarations compile with the oldest TypeScript that the README names', () => {
  const [, named] = /TypeScript (\d+\.\d+) or later/.exec(readFileSync(join(root, 'README.md'), 'utf8'))!
  expect(ts.versionMajorMinor).toBe(named)
  const folder = mkdtempSync(join(root, '.cache/types-'))
  const file = join(folder, 'program.ts')
  writeFileSync(
    file,
    `import { checkHttp, pings, UplinkMonitor, via } from '${join(root, 'dist/index.js')}'
const result = await checkHttp('http://name.test/')
if (result.ok) console.log(result.status + 1)
for await (const { outcome } of pings('::1')) console.log(outcome.toUpperCase())
console.log(UplinkMonitor, (await via('wan2').ping('::1', { device: 'wan2' })).rttMs)
export const wrong: number = result.ok
`,
  )
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  })
  const found = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => ({
    inProgram: file?.fileName.endsWith('program.ts'),
    text: ts.flattenDiagnosticMessageText(messageText, ' '),
  }))
  rmSync(folder, { recursive: true })
  expect(found).toEqual([{ inProgram: true, text: "Type 'boolean' is not assignable to type 'number'." }])
})
