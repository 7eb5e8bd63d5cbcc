// A netvia port scan. scan.mjs <address> <options as JSON>
import { ping, scanPorts } from 'netvia'
import { stopwatch, watchLoop } from './common.mjs'

const [address, options] = process.argv.slice(2)
await ping('127.0.0.1')
const held = watchLoop()
const done = stopwatch()
const counts = { items: 0, open: 0, closed: 0, filtered: 0 }
for await (const { state } of scanPorts(address, JSON.parse(options))) {
  counts.items++
  counts[state]++
}
done({ ...counts, loopHeldMs: held() })
