// A netvia sweep. sweep.mjs <targets> <options as JSON> [warm]. With `warm`, it measures the second of two sweeps.
import { ping, sweep } from 'netvia'
import { verdictOf } from '../lib/lab.mjs'
import { stopwatch, watchLoop } from './common.mjs'

const [targets, options, warm] = process.argv.slice(2)

async function run() {
  const counts = { items: 0, wrong: 0 }
  for await (const { outcome, address } of sweep([targets], JSON.parse(options))) {
    counts.items++
    counts[outcome] = (counts[outcome] ?? 0) + 1
    // Every address outside the mixed block replies.
    const expected = address.startsWith('10.80.')
      ? verdictOf(Number(address.slice(address.lastIndexOf('.') + 1)))
      : 'reply'
    if (outcome !== expected) counts.wrong++
  }
  return counts
}

await ping('127.0.0.1')
if (warm) await run()
const held = watchLoop()
const done = stopwatch()
const counts = await run()
done({ ...counts, loopHeldMs: held() })
