// Static analysis of native/: `node tools/native/analyze.mjs`, g++ -fanalyzer and clang-tidy (.clang-tidy says which of its checks).
// Silent and 0 if neither finds anything.
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { pool } from '../pool.mjs'
import { root } from '../root.mjs'

const headers = [join(dirname(dirname(process.execPath)), 'include/node'), join(root, 'node_modules/node-addon-api')]
const options = [
  ...['-std=c++20', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra', '-Werror', '-DNAPI_VERSION=8'],
  ...['-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', '-DNODE_ADDON_API_DISABLE_DEPRECATED'],
  ...headers.flatMap(folder => ['-isystem', folder]),
]
/** What is known to be none: a view of some length has memory, and what a function returns in place is initialized. */
const falseAlarms = {
  'packets.cc': ['-Wno-analyzer-null-dereference'],
  'relay/pipes.cc': ['-Wno-analyzer-use-of-uninitialized-value'],
  'run/placement.cc': ['-Wno-analyzer-use-of-uninitialized-value'],
  'run/tracee.cc': ['-Wno-analyzer-use-of-uninitialized-value'],
}
/**
 * Not netvia.cc, which includes the others, not faults.cc, which is for tests alone, and not runtime.cc: a C++ runtime's names are
 * reserved, and its memory is its callers'.
 */
const files = readdirSync(join(root, 'native'), { recursive: true }).filter(name =>
  /^(?!faults|runtime|netvia).*\.cc$/.test(name),
)
const tidy = (checks, file) => ['clang-tidy-16', '--quiet', `--checks=${checks}`, `native/${file}`, '--', ...options]
const commands = [
  // These look at every declaration, mostly the headers': once is enough.
  tidy('-clang-analyzer-*,-bugprone-suspicious-include', 'netvia.cc'),
  // These follow the paths through the functions of the file itself.
  ...files.flatMap(name => [
    ['g++', ...options, '-O1', '-fanalyzer', ...(falseAlarms[name] ?? []), '-c', `native/${name}`, '-o', '/dev/null'],
    tidy('-*,clang-analyzer-*', name),
  ]),
]

await pool(commands.length, availableParallelism(), async index => {
  const [command, ...args] = commands[index]
  const { stdout, stderr, code } = await promisify(execFile)(command, args, { cwd: root }).catch(error => error)
  if (!code) return
  process.exitCode = 1
  console.log(`${command}:\n${stdout}${stderr}`)
})
