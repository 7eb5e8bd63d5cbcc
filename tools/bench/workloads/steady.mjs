// Shared by the workloads that probe many targets steadily.
import { addressAfter } from '../drivers/common.mjs'

/** Moves each contestant of a group to its own place. */
export function atPlaces(lab, contestants) {
  const taken = {}
  return contestants.map(one => {
    taken[one.beside] ??= 0
    return { ...one, command: lab.atPlace(taken[one.beside]++, one.command) }
  })
}

/** fping in rounds over all targets. `-i` spreads the probes over the interval. */
export function steadyFping(lab, name, first, count, interval, seconds) {
  const rounds = Math.max(1, Math.floor((seconds * 1000) / interval))
  const between = ['-i', interval / count, '-p', interval, '-c', rounds, '-t', 900]
  return {
    name,
    role: 'peer',
    needs: ['fping'],
    limitMs: (seconds + 30) * 1000,
    command: lab.inNear('fping', '-q', ...between, '-g', first, addressAfter(first, count - 1)),
    // stderr has one line per host: host : xmt/rcv/%loss = 20/20/0%, …
    read: ({ stderr }) => {
      const replies = [...stderr.matchAll(/= \d+\/(\d+)\//g)].reduce((sum, [, received]) => sum + Number(received), 0)
      return { items: count * rounds, reply: replies }
    },
  }
}
