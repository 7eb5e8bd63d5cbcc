// Builds the addon with a sanitizer and runs tests on it. Any report fails the run. Needs a compiler.
// `node tools/native/sanitize.mjs [address|undefined|thread] [unit|network [file name parts …]]`
// Without a test project it runs test/sanitize/, as CI does with `address`. Node isn't built for ThreadSanitizer, so `thread` runs the
// small host of test/runtimes/host/.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compile } from '../build/compile.mjs'
import { root } from '../root.mjs'
import { buildDebugAddon } from './debug-addon.mjs'

const [kind = 'address', ...tests] = process.argv.slice(2)
const libraries = { address: 'libasan.so', undefined: 'libubsan.so', thread: 'libtsan.so' }
if (!(kind in libraries)) throw new Error(`unknown sanitizer ${kind} (known: address, undefined, thread)`)

const reports = mkdtempSync(join(tmpdir(), 'netvia-sanitize-'))
// Some tests run Node.js as another user, which must be able to write reports.
chmodSync(reports, 0o1777)
process.on('exit', () => rmSync(reports, { recursive: true, force: true }))
const logged = `log_path=${reports}/report`
const addon = buildDebugAddon(kind, { sanitize: kind })
const library = execFileSync('g++', [`-print-file-name=${libraries[kind]}`], { encoding: 'utf8' }).trim()
const node = join(reports, 'node')
const words = {
  NODE: process.execPath,
  LIBRARY: library,
  UBSAN: `halt_on_error=0:print_stacktrace=1:${logged}`,
  ASAN: asan(false),
}
const defined = Object.entries(words).map(([name, value]) => `-D${name}=${JSON.stringify(value)}`)
execFileSync('gcc', ['-O1', '-Wall', ...defined, join(root, 'tools/native/sanitize/node.c'), '-o', node], {
  stdio: 'inherit',
})
const environment = {
  ...process.env,
  NETVIA_PREBUILD: addon,
  NODE_OPTIONS: `--import=${new URL('sanitize/children.mjs', import.meta.url)}`,
}

if (kind === 'thread') process.exit(runThreads())

let failed = compile() ? 0 : 1
if (tests.length) run(`the tests "${tests.join(' ')}"`, ['tools/test/run.mjs', ...tests])
else {
  for (const file of readdirSync(join(root, 'test/sanitize')))
    run(`test/sanitize/${file}`, [join(root, 'test/sanitize', file)])
}
process.exit(failed === 0 ? 0 : 1)

/** Returns the host's exit status. ThreadSanitizer makes it 66 if it reported anything. */
function runThreads() {
  const host = join(reports, 'threads')
  const sources = ['threads.c', 'node-api.c'].map(file => join(root, 'test/runtimes/host', file))
  const headers = join(dirname(dirname(process.execPath)), 'include/node')
  const options = [
    '-fsanitize=thread',
    '-g',
    '-O1',
    '-rdynamic',
    '-Wall',
    '-Wextra',
    '-Wno-unused-parameter',
    `-I${headers}`,
  ]
  execFileSync('gcc', [...options, ...sources, '-o', host], { stdio: 'inherit' })
  const { status } = spawnSync(host, [join(addon, 'build/Release/netvia.node')], { stdio: 'inherit' })
  console.log(
    `${status === 0 ? 'passed' : 'FAILED'} 500 environments, opened, used and closed, with the sanitizer "thread"`,
  )
  return status ?? 1
}

function asan(leaks) {
  return `detect_leaks=${Number(leaks)}:symbolize=0:exitcode=0:${logged}`
}

function run(what, args) {
  const { status, signal } = spawnSync(node, args, {
    cwd: root,
    // Workers that are terminated while they work leave much memory behind. Checking it for leaks takes many minutes and gigabytes.
    env: { ...environment, ASAN_OPTIONS: asan(what.endsWith('leaks.mjs')) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  // Node and V8 don't free all memory when they exit, so only leaks of memory that the addon allocated count. The addon is unloaded
  // with the last worker that uses it. After that, stack traces don't show its name.
  const names = readdirSync(reports).filter(name => name.startsWith('report'))
  const found = names
    .flatMap(name => readFileSync(join(reports, name), 'utf8').split(/\n\n(?=Direct leak|Indirect leak)/))
    .filter(text =>
      /leak of/.test(text) ? /#[01] .*(netvia\.node|<unknown module>)/.test(text) : /netvia\.node|native\//.test(text),
    )
  for (const name of names) rmSync(join(reports, name))
  const clean = status === 0 && found.length === 0
  console.log(
    `${clean ? 'passed' : 'FAILED'} ${what} with the sanitizer "${kind}"${clean ? '' : `: ${signal ?? status}`}`,
  )
  for (const text of found) console.log(text.slice(0, 4000))
  if (!clean) failed++
}
