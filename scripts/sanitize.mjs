// Builds the addon with AddressSanitizer and runs test/sanitize/ on it. Needs a compiler.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'
import { runBuild } from './node-gyp.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const build = join(root, '.cache/address')

mkdirSync(build, { recursive: true })
for (const name of ['native', 'binding.gyp', 'package.json'])
  cpSync(join(root, name), join(build, name), { recursive: true })
try {
  symlinkSync(join(root, 'node_modules'), join(build, 'node_modules'))
} catch (error) {
  if (error.code !== 'EEXIST') throw error
}
const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js')
runBuild(gyp, ['rebuild', '--silent', '--', '-Dsanitize=address'], build)

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
