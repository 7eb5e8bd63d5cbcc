// One netvia ping series per target. The starts are spread over one interval.
// series.mjs <first address> <targets> <interval ms> <seconds>
import { setTimeout as sleep } from 'node:timers/promises'
import { pings } from 'netvia'
import { addressAfter, stopwatch } from './common.mjs'

const [first, ...numbers] = process.argv.slice(2)
const [targets, interval, seconds] = numbers.map(Number)

const done = stopwatch()
let [items, replies] = [0, 0]
await Promise.all(
  Array.from({ length: targets }, async (_, index) => {
    await sleep((index * interval) / targets)
    const count = Math.floor((seconds * 1000) / interval)
    for await (const { alive } of pings(addressAfter(first, index), { count, interval, timeout: 900 })) {
      items++
      if (alive) replies++
    }
  }),
)
done({ items, reply: replies })
