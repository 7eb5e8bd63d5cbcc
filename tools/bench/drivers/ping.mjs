// Pings an address sequentially, and measures from the call to the result. ping.mjs <client> <address> <count>

import { median } from '../lib/statistics.mjs'
import { peer, stopwatch } from './common.mjs'

const [client, address, count] = process.argv.slice(2)

/** Functions that ping once. Each resolves with the RTT in ms, or undefined if the client's RTT is too coarse. */
const clients = {
  netvia: async () => {
    const { ping } = await import('netvia')
    return async () => (await ping(address)).rttMs
  },
  'net-ping': () => {
    const session = peer('net-ping').createSession()
    return () =>
      new Promise((resolve, reject) => session.pingHost(address, error => (error ? reject(error) : resolve(undefined))))
  },
  ping: () => {
    const { promise } = peer('ping')
    return async () => Number((await promise.probe(address)).time)
  },
}

const ping = await clients[client]()
for (let i = 0; i < Math.min(200, count / 4); i++) await ping()
const done = stopwatch()
const [total, over] = [[], []]
for (let i = 0; i < count; i++) {
  const start = performance.now()
  const rtt = await ping()
  const ms = performance.now() - start
  total.push(ms * 1000)
  if (rtt !== undefined) over.push((ms - rtt) * 1000)
}
done({ items: total.length, totalUs: median(total), overheadUs: median(over) })
process.exit(0)
