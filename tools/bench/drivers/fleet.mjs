// One endless netvia sweep probes every target once per interval, evenly spread.
// fleet.mjs <first address> <targets> <interval ms> <seconds> [device …]: each device probes its share of the targets.
import { sweep } from 'netvia'
import { addressAfter, stopwatch } from './common.mjs'

const [first, count, interval, seconds, ...devices] = process.argv.slice(2)
const targets = Array.from({ length: Number(count) }, (_, index) => addressAfter(first, index))
const paths = devices.length ? devices : [undefined]
const share = Math.ceil(targets.length / paths.length)

const done = stopwatch()
let [items, replies] = [0, 0]
await Promise.all(
  paths.map(async (device, index) => {
    const own = targets.slice(index * share, (index + 1) * share)
    const rate = own.length / (Number(interval) / 1000)
    for await (const { alive } of sweep(repeated(own, rate * Number(seconds)), { rate, timeout: 900, device })) {
      items++
      if (alive) replies++
    }
  }),
)
done({ items, reply: replies })

function* repeated(list, total) {
  for (let i = 0; i < total; i++) yield list[i % list.length]
}
