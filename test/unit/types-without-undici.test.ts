import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Type errors of a program that uses the compiled package, declarations checked as well; `undici` can be hidden from it. */
function errors(source: string, undici: boolean): string[] {
  const folder = mkdtempSync(join(root, '.cache/types-'))
  const file = join(folder, 'program.ts')
  writeFileSync(file, source)
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  }
  const host = ts.createCompilerHost(options)
  if (!undici) {
    const hidden = (name: string) => /node_modules\/undici(\/|$)/.test(name)
    const { fileExists, readFile, directoryExists } = host
    host.fileExists = name => !hidden(name) && fileExists(name)
    host.readFile = name => (hidden(name) ? undefined : readFile(name))
    host.directoryExists = name => !hidden(name) && directoryExists!(name)
  }
  const program = ts.createProgram([file], options, host)
  const found = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
  rmSync(folder, { recursive: true })
  return found
}

const group = `import { UplinkGroup, type UplinkMonitor } from '${join(root, 'dist/index.js')}'
declare const monitor: UplinkMonitor
const group = new UplinkGroup(monitor, { policy: 'failover' })
const response: Response = await group.fetch('http://name.test/', { method: 'POST', body: 'x', key: 'k' })
export const text: string = await response.text()
`

test('who has no undici compiles without it, and without skipLibCheck', () => {
  expect(errors(group, false)).toEqual([])
  const needing = "import type { Agent } from 'undici'\nexport declare const agent: Agent\n"
  expect(errors(needing, false)).toEqual([expect.stringContaining("Cannot find module 'undici'")])
})

test('undici takes the dispatcher of a group', () => {
  const uses = `import { fetch, request, setGlobalDispatcher, type Dispatcher, Request } from 'undici'
setGlobalDispatcher(group.dispatcher)
export const dispatcher: Dispatcher = group.dispatcher
await fetch('http://name.test/', { dispatcher: group.dispatcher })
await request('http://name.test/', { dispatcher: group.dispatcher })
await group.fetch(new Request('http://name.test/'))
`
  expect(errors(group + uses, true)).toEqual([])
})
