// net-ping: a sweep, steady probing, or a series while the event loop is blocked.
// net-ping.mjs sweep <first> <count> <at once> <timeout ms>
// net-ping.mjs fleet <first> <targets> <interval ms> <seconds>
// net-ping.mjs rtt <address> <count> <interval ms>
import { setTimeout as sleep } from 'node:timers/promises'
import { pool } from '../../pool.mjs'
import { addressAfter, blockLoop, peer, stopwatch } from './common.mjs'

const { createSession } = peer('net-ping')
const [work, first, ...numbers] = process.argv.slice(2)
const arguments_ = numbers.map(Number)

const ping = (session, address) =>
  new Promise(resolve => session.pingHost(address, (error, _, sent, back) => resolve({ error, ms: back - sent })))

const works = {
  async sweep(count, atOnce, timeout) {
    const session = createSession({ retries: 0, timeout })
    const counts = { items: count, reply: 0, unreachable: 0, timeout: 0 }
    const names = { DestinationUnreachableError: 'unreachable', RequestTimedOutError: 'timeout' }
    await pool(count, atOnce, async index => {
      const { error } = await ping(session, addressAfter(first, index))
      counts[error ? names[error.name] : 'reply']++
    })
    return counts
  },
  // Sends a batch every 10 ms, as users who spread their probes do.
  async fleet(targets, interval, seconds) {
    const session = createSession({ retries: 0, timeout: 900 })
    const total = (targets * seconds * 1000) / interval
    const begin = performance.now()
    let replies = 0
    const pending = []
    while (pending.length < total) {
      const due = Math.min(total, ((performance.now() - begin) / interval) * targets)
      while (pending.length < due) {
        const address = addressAfter(first, pending.length % targets)
        pending.push(ping(session, address).then(({ error }) => error ?? replies++))
      }
      await sleep(10)
    }
    await Promise.all(pending)
    return { items: total, reply: replies }
  },
  async rtt(count, interval) {
    const session = createSession({ retries: 0, timeout: 1000 })
    const blocking = blockLoop()
    const begin = performance.now()
    const pending = []
    while (pending.length < count) {
      await sleep(Math.max(0, begin + pending.length * interval - performance.now()))
      pending.push(ping(session, first))
    }
    const results = await Promise.all(pending)
    clearInterval(blocking)
    return { items: count, rttsMs: results.map(({ error, ms }) => (error ? null : ms)) }
  },
}

const done = stopwatch()
// Without a timer, the process can exit early: net-ping's session may be garbage-collected while it waits.
const alive = setInterval(() => {}, 1000)
done(await works[work](...arguments_))
clearInterval(alive)
process.exit(0)
