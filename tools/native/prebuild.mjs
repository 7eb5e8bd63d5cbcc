// Builds prebuilds/ with a pinned compiler and inspects each file: `npm run prebuild [architecture …]`.
// With --check it builds in another folder and compares the bytes with the committed files.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checksums } from '../package/contents.mjs'
import { root } from '../root.mjs'
import { readElf } from './elf.mjs'
import { faults } from './inspect.mjs'
import { copySources, runBuild } from './node-gyp.mjs'
import { targets } from './targets.mjs'
import { zig } from './zig.mjs'

const check = process.argv.includes('--check')
const chosen = process.argv.slice(2).filter(argument => argument in targets)
const out = check ? join(root, '.cache/prebuild') : root
const sources = join(root, '.cache/prebuild-sources')
mkdirSync(out, { recursive: true })
copySources(sources)

let wrong = 0
for (const arch of chosen.length ? chosen : Object.keys(targets)) {
  const file = `prebuilds/linux-${arch}/netvia.node`
  const bytes = build(arch, file)
  const found = faults(bytes, targets[arch])
  if (check && !(existsSync(join(root, file)) && bytes.equals(readFileSync(join(root, file)))))
    found.push('the committed file differs from a build of the sources')
  console.log(`${file}: ${bytes.length} bytes${found.map(fault => `\n  WRONG: ${fault}`).join('')}`)
  wrong += found.length
}
if (!check) writeFileSync(join(root, 'prebuilds/SHA256SUMS'), checksums(root))
process.exit(wrong === 0 ? 0 : 1)

function build(arch, file) {
  const { triple, cpu } = targets[arch]
  const options = `-target ${triple}${cpu ? ` -mcpu=${cpu}` : ''} -Wno-unused-command-line-argument`
  const env = { GYP_DEFINES: 'standalone=1', CC: `${zig()} cc ${options}`, CXX: `${zig()} c++ ${options}` }
  runBuild('node_modules/prebuildify/bin.js', ['--napi', '--arch', arch, '--out', out], sources, env)
  const path = join(out, file)
  const finished = finish(readFileSync(path))
  writeFileSync(path, finished)
  chmodSync(path, 0o644)
  return finished
}

/** Strips what no loader reads from a built addon: section headers and unmapped sections. */
function finish(bytes) {
  const { bits, end, mipsFloatAbi } = readElf(bytes)
  const file = Buffer.from(bytes.subarray(0, end))
  const [sections, numbers] = bits === 64 ? [40, 58] : [32, 46]
  file.fill(0, sections, sections + bits / 8) // e_shoff
  file.fill(0, numbers, numbers + 6) // e_shentsize, e_shnum, e_shstrndx
  // Compiled for soft float, but without any floating point (inspect.mjs). So glibc can load it into either kind of process.
  if (mipsFloatAbi) file[mipsFloatAbi] = 0
  return file
}
