// A netvia ping series while the event loop is blocked. rtt.mjs <address> <count> <interval ms>
import { pings } from 'netvia'
import { blockLoop, stopwatch } from './common.mjs'

const [address, count, interval] = process.argv.slice(2)
const blocking = blockLoop()
const done = stopwatch()
const results = []
for await (const result of pings(address, { count: Number(count), interval: Number(interval), timeout: 1000 })) {
  results.push(result)
}
clearInterval(blocking)
results.sort((a, b) => a.sequence - b.sequence)
done({ items: results.length, rttsMs: results.map(({ rttMs }) => rttMs ?? null) })
