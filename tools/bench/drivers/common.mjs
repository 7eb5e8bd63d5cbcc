// Shared by the bench's Node programs. Each prints one line of JSON, like the C programs.
import { createRequire } from 'node:module'

/** Starts measuring time and CPU time. The returned function prints both with the properties of its argument. */
export function stopwatch() {
  const begin = performance.now()
  const cpu = process.cpuUsage()
  return report => {
    const seconds = (performance.now() - begin) / 1000
    const { user, system } = process.cpuUsage(cpu)
    console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, ...report }))
  }
}

/** Loads a package of tools/bench/peers. */
export function peer(name) {
  return createRequire(process.env.NETVIA_BENCH_PEERS)(name)
}

/** The IPv4 address `index` addresses after `first`. */
export function addressAfter(first, index) {
  const [a, b, c, d] = first.split('.').map(Number)
  const number = ((a << 24) | (b << 16) | (c << 8) | d) + index
  return `${(number >>> 24) & 255}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** Blocks the event loop for 20 of every 50 ms, like a busy program. */
export function blockLoop() {
  return setInterval(() => {
    const end = performance.now() + 20
    while (performance.now() < end);
  }, 50)
}

/** Starts measuring event-loop delays. The returned function returns the longest time between two turns, in ms. */
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
