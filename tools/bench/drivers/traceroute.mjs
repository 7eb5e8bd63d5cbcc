// Runs traces sequentially in a warm process: traceroute.mjs <address> <device> <hops> <traces>
import { traceroute } from 'netvia'
import { median } from '../lib/statistics.mjs'
import { stopwatch } from './common.mjs'

const [address, device, hopsText, tracesText] = process.argv.slice(2)
const [hops, traces] = [Number(hopsText), Number(tracesText)]

async function trace() {
  const start = performance.now()
  let seen = 0
  for await (const { ttl } of traceroute(address, { device })) seen = ttl
  if (seen !== hops) throw new Error(`${seen} hops instead of ${hops}`)
  return performance.now() - start
}

for (let i = 0; i < traces / 4; i++) await trace()
const done = stopwatch()
const times = []
for (let i = 0; i < traces; i++) times.push(await trace())
done({ items: traces, traceMs: median(times) })
process.exit(0)
