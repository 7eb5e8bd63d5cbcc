// Builds the addon with a sanitizer and runs on it, where nothing may be said: `node scripts/sanitize.mjs [address|undefined|thread]
// [--suite]`. Without --suite: test/sanitize/, as CI does with `address`. With it: the unit and network tests too. Needs a compiler.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'
import { buildDebugAddon } from './debug-addon.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const kind = process.argv.slice(2).find(argument => !argument.startsWith('--')) ?? 'address'
const whole = process.argv.includes('--suite')
const library = { address: 'libasan.so', undefined: 'libubsan.so', thread: 'libtsan.so' }[kind]
if (!library) throw new Error(`address, undefined or thread; not ${kind}`)

const reports = mkdtempSync(join(tmpdir(), 'netvia-sanitize-'))
process.on('exit', () => rmSync(reports, { recursive: true, force: true }))
const logged = `log_path=${reports}/report`
const environment = {
  ...process.env,
  NETVIA_PREBUILD: buildDebugAddon(kind, { sanitize: kind }),
  LD_PRELOAD: execFileSync('g++', [`-print-file-name=${library}`], { encoding: 'utf8' }).trim(),
  UBSAN_OPTIONS: `halt_on_error=0:print_stacktrace=1:${logged}`,
  TSAN_OPTIONS: `${logged}`,
}

let failed = compile() ? 0 : 1
for (const file of readdirSync(join(root, 'test/sanitize')))
  run(`test/sanitize/${file}`, [join(root, 'test/sanitize', file)])
if (whole) for (const project of ['unit', 'network']) run(`the ${project} tests`, ['scripts/test.mjs', project])
process.exit(failed === 0 ? 0 : 1)

function run(what, args) {
  // Of a worker that is ended in the middle much is left, and to go through it takes minutes.
  const leaks = what.endsWith('leaks.mjs') ? 'detect_leaks=1' : 'detect_leaks=0'
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...environment, ASAN_OPTIONS: `${leaks}:symbolize=0:exitcode=0:${logged}` },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  // Node and V8 do not free what they hold at their end: of leaks only those count that the addon itself has allocated.
  const found = readdirSync(reports)
    .flatMap(name => readFileSync(join(reports, name), 'utf8').split(/\n\n(?=Direct leak|Indirect leak)/))
    .filter(text => (/leak of/.test(text) ? /#[01] .*netvia\.node/.test(text) : /netvia\.node|native\//.test(text)))
  for (const name of readdirSync(reports)) rmSync(join(reports, name))
  const clean = status === 0 && found.length === 0
  console.log(
    `${clean ? 'passed' : 'FAILED'} ${what} with the sanitizer "${kind}"${clean ? '' : `: ${signal ?? status}`}`,
  )
  for (const text of found) console.log(text.slice(0, 4000))
  if (!clean) failed++
}
