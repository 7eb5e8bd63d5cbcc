// Builds the addon with AddressSanitizer and runs test/sanitize/ on it. Needs a compiler.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'
import { buildDebugAddon } from './debug-addon.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const build = buildDebugAddon('address', { sanitize: 'address' })

const library = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
let failed = compile() ? 0 : 1
for (const file of readdirSync(join(root, 'test/sanitize'))) {
  const { status, signal, stderr } = spawnSync(process.execPath, [join(root, 'test/sanitize', file)], {
    cwd: root,
    // V8 does not free what it holds at exit: leaks of ours show as descriptors and memory in the tests themselves.
    env: { ...process.env, NETVIA_PREBUILD: build, LD_PRELOAD: library, ASAN_OPTIONS: 'detect_leaks=0' },
    stdio: ['ignore', 'inherit', 'pipe'],
    encoding: 'utf8',
    timeout: 600_000,
  })
  const clean = status === 0 && stderr === ''
  console.log(
    `${clean ? 'passed' : 'FAILED'} test/sanitize/${file} under AddressSanitizer${clean ? '' : `: ${signal ?? status}\n${stderr}`}`,
  )
  if (!clean) failed++
}
process.exit(failed === 0 ? 0 : 1)
