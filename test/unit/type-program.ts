import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type typescript from 'typescript'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The type errors of a program that uses the compiled package, including those in declarations. `hidden`: files that don't exist for it. */
export function typeErrors(ts: typeof typescript, source: string, hidden = (_name: string) => false) {
  const folder = mkdtempSync(join(root, '.cache/types-'))
  const path = join(folder, 'program.ts')
  writeFileSync(path, source)
  const options: typescript.CompilerOptions = {
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
  const { fileExists, readFile, directoryExists } = host
  host.fileExists = name => !hidden(name) && fileExists(name)
  host.readFile = name => (hidden(name) ? undefined : readFile(name))
  host.directoryExists = name => !hidden(name) && directoryExists!(name)
  const found = ts.getPreEmitDiagnostics(ts.createProgram([path], options, host))
  rmSync(folder, { recursive: true })
  return found.map(({ file, messageText }) => ({
    inProgram: file?.fileName.endsWith('program.ts') ?? false,
    text: ts.flattenDiagnosticMessageText(messageText, ' '),
  }))
}
