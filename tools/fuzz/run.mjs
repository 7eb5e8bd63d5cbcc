// Fuzzing guided by coverage: `npm run fuzz -- [--minutes N] [target …]`. libFuzzer (needs clang) fuzzes the native parser, and
// tools/fuzz/worker.mjs the TypeScript decoders. Seeds are in test/fuzz/corpus. Inputs that reach new code are kept in .cache/fuzz.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { createInstrumenter } from 'istanbul-lib-instrument'
import { root } from '../root.mjs'

const cache = join(root, '.cache/fuzz')
const decoders = ['icmp', 'netlink', 'dns', 'files', 'options', 'http']
const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const targets = positionals.length > 0 ? positionals : ['received', ...decoders]
const seconds = Math.max(1, Math.round((Number(values.minutes) * 60) / targets.length))
/** In ms. An input that takes longer counts as a hang. */
const hangs = 60_000

const seedsOf = target => join(root, 'test/fuzz/corpus', target)
const keptOf = target => join(cache, 'kept', target)

let failed = 0
const bundle = targets.some(target => decoders.includes(target)) ? instrument() : undefined
for (const target of targets) {
  mkdirSync(keptOf(target), { recursive: true })
  const fails = target === 'received' ? fuzzNative(target) : await fuzzDecoder(target)
  if (fails) failed++
}
process.exit(failed === 0 ? 0 : 1)

/** Bundles test/fuzz/targets.ts and its imports into one file with coverage counters. */
function instrument() {
  execFileSync(
    process.execPath,
    [
      'node_modules/tsdown/dist/run.mjs',
      'test/fuzz/targets.ts',
      '--no-config',
      '--no-clean',
      '--format',
      'cjs',
      '--logLevel',
      'error',
      '--out-dir',
      cache,
    ],
    { cwd: root, stdio: 'inherit' },
  )
  const plain = join(cache, 'targets.cjs')
  const counted = join(cache, 'targets.counted.cjs')
  writeFileSync(counted, createInstrumenter({ esModules: false }).instrumentSync(readFileSync(plain, 'utf8'), plain))
  return counted
}

function fuzzNative(target) {
  const clang = ['clang++', 'clang++-16', 'clang++-14'].find(name => !spawnSync(name, ['--version']).error)
  if (!clang) throw new Error('needs clang (Debian packages clang-16 and libclang-rt-16-dev)')
  const program = join(cache, target)
  const flags = ['-std=c++20', '-g', '-O1', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all']
  execFileSync(clang, [...flags, join(root, `test/fuzz/native/${target}.cc`), '-o', program], { stdio: 'inherit' })
  const { status, stderr } = spawnSync(
    program,
    [
      `-max_total_time=${seconds}`,
      '-max_len=600',
      '-print_final_stats=1',
      `-artifact_prefix=${cache}/failure-${target}-`,
      keptOf(target),
      seedsOf(target),
    ],
    { encoding: 'utf8' },
  )
  const of = name => stderr.match(new RegExp(`${name}: *(\\d+)`))?.[1]
  const runs = of('stat::number_of_executed_units')
  const covered = stderr.match(/cov: (\d+)(?![\s\S]*cov:)/)?.[1]
  console.log(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${target}: ${runs} inputs in ${seconds} s, ${covered} edges reached`,
  )
  if (status !== 0) console.log(stderr.slice(-4000))
  return status !== 0
}

function fuzzDecoder(target) {
  const shared = new SharedArrayBuffer(8 + 65_536)
  const numbers = new Int32Array(shared, 0, 2)
  const workerData = {
    bundle,
    target,
    seeds: seedsOf(target),
    kept: keptOf(target),
    milliseconds: seconds * 1000,
    shared,
  }
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData })
  return new Promise((resolve, reject) => {
    let last = -1
    const watchdog = setInterval(() => {
      const now = Atomics.load(numbers, 0)
      if (now !== last || now === 0) last = now
      else finish({ stack: 'takes for ever', input: new Uint8Array(shared, 8, numbers[1]).slice() })
    }, hangs)
    const finish = (failure, counts) => {
      clearInterval(watchdog)
      worker.terminate()
      const what =
        counts &&
        `${counts.runs} inputs in ${seconds} s, ${counts.covered} of ${counts.all} counters reached, ${counts.corpus} kept`
      console.log(`${failure ? 'FAILED' : 'ok    '} ${target}: ${what ?? ''}`)
      if (failure) console.log(`${failure.stack}\ninput: ${save(target, failure.input)}`)
      resolve(Boolean(failure))
    }
    worker.once('message', counts => finish(counts.failure, counts))
    worker.once('error', reject)
  })
}

function save(target, input) {
  const file = join(cache, `failure-${target}-${createHash('sha1').update(input).digest('hex')}`)
  writeFileSync(file, input)
  return file
}
