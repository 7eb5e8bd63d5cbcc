// What the Node programs of the bench share. Each prints one line of JSON, as the C programs do.
import { createRequire } from 'node:module'

/** Begins to count time and CPU; the returned function prints them with what it is given. */
export function stopwatch() {
  const begin = performance.now()
  const cpu = process.cpuUsage()
  return report => {
    const seconds = (performance.now() - begin) / 1000
    const { user, system } = process.cpuUsage(cpu)
    console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, ...report }))
  }
}

/** A package of bench/peers. */
export function peer(name) {
  return createRequire(process.env.NETVIA_BENCH_PEERS)(name)
}

/** IPv4 address `index` after `first`. */
export function addressAfter(first, index) {
  const [a, b, c, d] = first.split('.').map(Number)
  const number = ((a << 24) | (b << 16) | (c << 8) | d) + index
  return `${(number >>> 24) & 255}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** Blocks the event loop 20 ms of every 50, as a busy program would. */
export function blockLoop() {
  return setInterval(() => {
    const end = performance.now() + 20
    while (performance.now() < end);
  }, 50)
}

/** Watches how long the event loop is held up; the returned function gives the longest gap between two turns, in ms. */
export function watchLoop() {
  let longest = 0
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const timer = setInterval(turn, 5)
  return () => {
    clearInterval(timer)
    turn()
    return longest
  }
}
