// Fuzzes one target for a limited time. Inputs that reach new coverage, counted by istanbul's counters, join the corpus and are
// mutated further. Posts `{ runs, corpus, covered, all, failure }` at the end.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { mutate } from './mutate.mjs'

const { bundle, target, seeds, kept, milliseconds, shared } = workerData
/** Shared with the main thread, which detects inputs that hang: the input's number, length and bytes. */
const numbers = new Int32Array(shared, 0, 2)
const current = new Uint8Array(shared, 8)
const run = createRequire(import.meta.url)(bundle)[target]
const counters = flatten(Object.values(globalThis.__coverage__))
/** For each counter, the orders of magnitude that it has reached. */
const seen = new Uint8Array(counters.length)

/** Moves all counters from istanbul's objects into one array, because they are read after every input. */
function flatten(files) {
  const sizeOf = table => Object.keys(table).length
  const tables = files.flatMap(file => [[file, 's'], [file, 'f'], ...Object.keys(file.b).map(key => [file.b, key])])
  const all = new Uint32Array(tables.reduce((sum, [owner, key]) => sum + sizeOf(owner[key]), 0))
  let offset = 0
  for (const [owner, key] of tables) {
    const size = sizeOf(owner[key])
    owner[key] = all.subarray(offset, offset + size)
    offset += size
  }
  return all
}

function takeCoverage() {
  let isNew = false
  for (let i = 0; i < counters.length; i++) {
    if (counters[i] === 0) continue
    const bit = 1 << Math.min(7, 31 - Math.clz32(counters[i]))
    if (!(seen[i] & bit)) {
      seen[i] |= bit
      isNew = true
    }
  }
  counters.fill(0)
  return isNew
}

function fails(input) {
  numbers[1] = input.length
  current.set(input)
  Atomics.add(numbers, 0, 1)
  try {
    run(Buffer.from(input))
    return undefined
  } catch (error) {
    return error.stack
  }
}

function load(folder) {
  mkdirSync(folder, { recursive: true })
  return readdirSync(folder).map(name => readFileSync(join(folder, name)))
}

const named = load(seeds)
const dictionary = named
  .flatMap(seed => seed.toString('latin1').match(/[\w:.-]{2,}/g) ?? [])
  .map(word => Buffer.from(word))
const waiting = [...named, ...load(kept), Buffer.alloc(1)]
const corpus = []
let runs = 0
let failure
takeCoverage()
for (
  const end = performance.now() + milliseconds;
  !failure && (waiting.length > 0 || performance.now() < end);
  runs++
) {
  const any = () => corpus[Math.floor(Math.random() * corpus.length)]
  const given = waiting.pop()
  const input = given ?? mutate(any(), any(), dictionary)
  const stack = fails(input)
  if (stack) failure = { stack, input }
  const isNew = takeCoverage()
  if (isNew || corpus.length === 0) corpus.push(input)
  if (isNew && !given) writeFileSync(join(kept, createHash('sha1').update(input).digest('hex')), input)
}
const covered = seen.reduce((count, bits) => count + (bits ? 1 : 0), 0)
parentPort.postMessage({ runs, corpus: corpus.length, covered, all: seen.length, failure })
