// `npm run test:package` tests the packed package in every way that it is installed, bundled and embedded. Needs Linux. The last line
// of its output is "N passed, N failed".
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../build/compile.mjs'
import { headers } from '../native/node-gyp.mjs'
import { root } from '../root.mjs'
import { inspectTarball } from './contents.mjs'

const tools = join(root, 'tools/package')
const work = join(root, '.cache/package')
const node = process.execPath
const totals = { passed: 0, failed: 0 }

if (!compile()) process.exit(1)
rmSync(work, { recursive: true, force: true })
mkdirSync(work, { recursive: true })
execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: tools, stdio: 'ignore' })
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--json', '--pack-destination', work], { cwd: root, encoding: 'utf8' }),
)
const tarball = join(work, packed.filename)
for (const [name, fault] of inspectTarball(packed, root)) count(name, fault)

const scripted = project('npm-with-scripts')
run(scripted, 'npm', ['install', '--foreground-scripts', '--no-audit', '--no-fund', tarball])
check('npm, with install scripts', scripted, [node, 'program.mjs'])
notCompiled('npm, with install scripts', scripted)
const npm = project('npm')
run(npm, 'npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball])
check('npm, without install scripts, ESM', npm, [node, 'program.mjs'])
check('npm, without install scripts, CommonJS', npm, [node, 'program.cjs'])
check('the command', npm, ['node_modules/.bin/netvia', '--version'], packed.version)
check('another realm, as in Electron', npm, [node, 'realm.mjs'])
const jest = join(tools, 'node_modules/jest/bin/jest.js')
check('Jest', npm, [node, jest, '--ci', '--no-watchman', '--testMatch', '**/*.jest.cjs'], '')
for (const platform of ['darwin', 'win32'])
  check(`on ${platform}`, npm, [node, 'elsewhere.mjs', 'ERR_UNSUPPORTED_PLATFORM', platform])
check('a read-only file system', npm, readOnly(npm, [node, 'program.mjs']))

const pnpm = project('pnpm')
writeFileSync(join(pnpm, 'pnpm-workspace.yaml'), 'dangerouslyAllowAllBuilds: true\n')
run(pnpm, node, [join(tools, 'node_modules/pnpm/bin/pnpm.cjs'), 'add', tarball])
check('pnpm', pnpm, [node, 'program.mjs'])
notCompiled('pnpm', pnpm)

const yarn = join(tools, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js')
for (const linker of ['node-modules', 'pnp']) {
  const folder = project(`yarn-${linker}`)
  writeFileSync(join(folder, '.yarnrc.yml'), `nodeLinker: ${linker}\nenableScripts: true\nenableTelemetry: false\n`)
  writeFileSync(join(folder, 'yarn.lock'), '')
  run(folder, node, [yarn, 'add', `netvia@file:${tarball}`])
  notCompiled(`yarn, ${linker}`, folder)
  check(`yarn, ${linker}`, folder, [node, yarn, 'node', 'program.cjs'])
  check(`yarn, ${linker}: the command`, folder, [node, yarn, 'netvia', '--version'], packed.version)
}

// A bundle that includes netvia needs the addons and node-gyp-build next to it. An ES module also needs CommonJS globals
// (docs/packaging.md).
const whole = join(npm, 'whole')
const [banner] = /^import .*createRequire.*$/m.exec(readFileSync(join(root, 'docs/packaging.md'), 'utf8'))
cpSync(join(npm, 'node_modules/netvia/prebuilds'), join(whole, 'prebuilds'), { recursive: true })
// Another bundled package's.
writeFileSync(join(whole, `prebuilds/linux-${process.arch}/another.node`), '')
cpSync(join(npm, 'node_modules/node-gyp-build'), join(whole, 'node_modules/node-gyp-build'), { recursive: true })
writeFileSync(join(whole, 'package.json'), '{}')
const esbuild = join(tools, 'node_modules/esbuild/bin/esbuild')
for (const [format, program, ...flags] of [
  ['esm', 'program.mjs', `--banner:js=${banner}`],
  ['cjs', 'program.cjs'],
]) {
  const common = ['--bundle', '--platform=node', `--format=${format}`, '--tsconfig-raw={}']
  const bundle = (out, ...rest) => run(npm, esbuild, [program, ...common, `--outfile=${out}`, ...rest])
  bundle(`esbuild-${program}`, '--external:netvia')
  check(`bundled by esbuild, ${format}, netvia external`, npm, [node, `esbuild-${program}`])
  bundle(`whole/${program}`, ...flags)
  check(`bundled by esbuild, ${format}, netvia within`, whole, [node, program])
}
const alone = mkdtempSync(join(tmpdir(), 'netvia-'))
writeFileSync(join(alone, 'package.json'), '{}')
const elsewhere = join(alone, 'elsewhere.mjs')
run(npm, esbuild, [
  'elsewhere.mjs',
  ...[
    '--bundle',
    '--platform=node',
    '--format=esm',
    `--banner:js=${banner}`,
    `--outfile=${elsewhere}`,
    '--tsconfig-raw={}',
  ],
])
const hint = check('a bundle without its files', alone, [node, 'elsewhere.mjs', 'ERR_ADDON_NOT_FOUND'])
count('a bundle without its files: the error says which', hint.includes('beside the bundle') ? undefined : hint)
rmSync(alone, { recursive: true })
const configuration = {
  mode: 'production',
  target: 'node20',
  entry: './program.cjs',
  output: { path: npm, filename: 'webpack.cjs' },
  externals: { netvia: 'commonjs netvia' },
}
writeFileSync(join(npm, 'webpack.config.cjs'), `module.exports = ${JSON.stringify(configuration)}`)
const webpack = `require('webpack')(require(${JSON.stringify(join(npm, 'webpack.config.cjs'))}), (error, stats) => process.exit(error || stats.hasErrors() ? 1 : 0))`
writeFileSync(join(tools, 'node_modules/run-webpack.cjs'), webpack)
run(npm, node, [join(tools, 'node_modules/run-webpack.cjs')])
check('bundled by webpack, netvia external', npm, [node, 'webpack.cjs'])

// The require of a single executable application finds only Node's modules, so the package is installed next to the executable
// (docs/packaging.md).
const itsOwn = "require = require('node:module').createRequire(process.execPath)\n"
writeFileSync(join(npm, 'single.cjs'), itsOwn + readFileSync(join(npm, 'program.cjs'), 'utf8'))
writeFileSync(
  join(npm, 'sea.json'),
  JSON.stringify({ main: 'single.cjs', output: 'sea.blob', disableExperimentalSEAWarning: true }),
)
run(npm, node, ['--experimental-sea-config', 'sea.json'])
cpSync(node, join(npm, 'single'), { dereference: true })
run(npm, node, [
  join(tools, 'node_modules/postject/dist/cli.js'),
  'single',
  'NODE_SEA_BLOB',
  'sea.blob',
  '--sentinel-fuse',
  'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
])
check('a Node single executable application', npm, ['./single'])

// Last, because it removes the addon.
rmSync(join(npm, 'node_modules/netvia/prebuilds'), { recursive: true })
const missing = check('no addon for this machine', npm, [node, 'elsewhere.mjs', 'ERR_ADDON_NOT_FOUND'])
for (const part of [`${process.platform}-${process.arch}`, 'node-gyp rebuild', 'node_modules/netvia'])
  count(`no addon for this machine: the error names ${part}`, missing.includes(part) ? undefined : missing)
run(npm, 'sh', ['-ec', /build it: (.*)/.exec(missing)?.[1] ?? 'echo "no command"; false'], headers())
check('the addon built by the command that the error names', npm, [node, 'program.mjs'])

console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exit(totals.failed === 0 ? 0 : 1)

function project(name) {
  const folder = join(work, name)
  cpSync(join(root, 'test/package'), folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: `try-${name}`, private: true }))
  return folder
}

function run(cwd, command, args, env = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 300_000,
    killSignal: 'SIGKILL',
  })
  if (status !== 0) count(`${command} ${args[0]} in ${cwd.slice(work.length + 1)}`, `${stdout}${stderr}`)
}

/** Package managers compile packages with a `binding.gyp`, even without a compiler, unless scripts are disabled. */
function notCompiled(name, folder) {
  const built = readdirSync(folder, { recursive: true }).filter(path => path.endsWith('/Release/netvia.node'))
  count(`${name}: nothing is compiled`, built.join(' '))
}

/** Runs a program that must print `wanted`. Returns its standard error. */
function check(name, cwd, [command, ...args], wanted = 'works') {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  count(name, status === 0 && stdout.trim() === wanted ? undefined : `${status} ${stdout}${stderr}`)
  return stderr ?? ''
}

/** A command in a mount namespace where the folder is read-only. */
function readOnly(folder, command) {
  const mount =
    'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && ! touch written 2>/dev/null && exec "$@"'
  return ['unshare', '--mount', 'sh', '-c', mount, folder, ...command]
}

function count(name, fault) {
  totals[fault ? 'failed' : 'passed']++
  console.log(fault ? `FAIL  ${name}: ${fault}` : `ok    ${name}`)
}
