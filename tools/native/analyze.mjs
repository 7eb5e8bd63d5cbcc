// Static analysis of native/ with g++ -fanalyzer and clang-tidy: `node tools/native/analyze.mjs`. .clang-tidy lists the checks.
// Without findings it prints nothing and exits with 0.
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
/** Known false positives: a view with a length above 0 has memory, and a value that is returned in place is initialized. */
const falseAlarms = {
  'packets.cc': ['-Wno-analyzer-null-dereference'],
  'relay/pipes.cc': ['-Wno-analyzer-use-of-uninitialized-value'],
  'run/placement.cc': ['-Wno-analyzer-use-of-uninitialized-value'],
  'run/tracee.cc': ['-Wno-analyzer-use-of-uninitialized-value'],
}
/**
 * Excludes netvia.cc, which includes the others, faults.cc, which is only for tests, and runtime.cc. The names in a C++ runtime are
 * reserved, and its memory belongs to its callers.
 */
const files = readdirSync(join(root, 'native'), { recursive: true }).filter(name =>
  /^(?!faults|runtime|netvia).*\.cc$/.test(name),
)
const tidy = (checks, file) => ['clang-tidy-16', '--quiet', `--checks=${checks}`, `native/${file}`, '--', ...options]
const commands = [
  // These checks visit every declaration, mostly those in headers. One run is enough.
  tidy('-clang-analyzer-*,-bugprone-suspicious-include', 'netvia.cc'),
  // These checks follow the paths through the functions of one file.
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
