// The npm package ping, which runs /bin/ping for each host. ping-package.mjs <first address> <count> <at once>

import { pool } from '../../pool.mjs'
import { addressAfter, peer, stopwatch } from './common.mjs'

const { promise } = peer('ping')
const [first, count, atOnce] = process.argv.slice(2)
const done = stopwatch()
let replies = 0
await pool(Number(count), Number(atOnce), async index => {
  if ((await promise.probe(addressAfter(first, index), { timeout: 1 })).alive) replies++
})
// Children do most of the work. tools/bench/baseline/measure.c counts their CPU time.
done({ items: Number(count), reply: replies, cpuSeconds: undefined })
