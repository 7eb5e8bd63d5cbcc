// A netvia monitor with one uplink per target. Each uplink is checked once per interval.
// monitor.mjs <first address> <targets> <interval ms> <seconds>
import { setTimeout as sleep } from 'node:timers/promises'
import { UplinkMonitor } from 'netvia'
import { addressAfter, stopwatch } from './common.mjs'

const [first, ...numbers] = process.argv.slice(2)
const [targets, interval, seconds] = numbers.map(Number)

const uplinks = Array.from({ length: targets }, (_, index) => {
  const host = addressAfter(first, index)
  return { name: host, checks: [{ type: 'ping', host }] }
})
const done = stopwatch()
const monitor = new UplinkMonitor({ interval, timeout: 900, uplinks })
monitor.start()
await sleep(seconds * 1000)
const up = monitor.snapshot().uplinks.filter(({ state }) => state === 'up').length
await monitor.stop()
done({ items: targets * seconds, reply: up })
