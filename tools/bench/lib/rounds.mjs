// Runs the contestants of a workload in rounds. Each round runs all contestants once, and starts with a different one.

import { measure, numbers, ownReport } from './measure.mjs'
import { baseline, missing } from './programs.mjs'
import { gist } from './report.mjs'
import { median } from './statistics.mjs'

/**
 * Resolves with `{ rounds, absent, failures }`: the figures of each contestant in each round, why contestants are absent, and which
 * runs failed. `together` runs a whole round at the same time, for runs whose figures don't matter. Workloads marked `apart` still
 * run one by one: the kernel may give a bound and an unbound socket the same port to one server, which then refuses one of them.
 */
export async function runWorkload(workload, { rounds, environment, say, together = false }) {
  const absent = {}
  const contestants = workload.contestants.filter(({ name, needs = [] }) => {
    const reason = needs.map(missing).find(Boolean)
    if (reason) absent[name] = reason
    return !reason
  })
  const end = await workload.begin?.()
  const results = []
  const failures = []
  try {
    for (let round = 0; round < rounds; round++) {
      const result = {}
      const turn = round % contestants.length
      const take = async contestant => {
        const start = performance.now()
        try {
          result[contestant.name] = await runContestant(contestant, workload.around, environment)
          const seconds = ((performance.now() - start) / 1000).toFixed(1)
          say(`  ${round + 1}/${rounds} ${contestant.name}: ${seconds} s`)
        } catch (error) {
          failures.push({ name: contestant.name, round: round + 1, reason: gist(error.message) })
          say(`  ${round + 1}/${rounds} ${contestant.name} failed: ${gist(error.message)}`)
        }
      }
      const order = [...contestants.slice(turn), ...contestants.slice(0, turn)]
      // A wrapper (a capture on the wire) would see the packets of the other contestants.
      const waves = together && !workload.around && !workload.apart ? [order] : wavesOf(order)
      for (const wave of waves) await Promise.all(wave.map(take))
      results.push(result)
    }
  } finally {
    await end?.()
  }
  return { rounds: results, absent, failures }
}

/** Contestants with the same `beside` run at the same time, all others alone. */
function wavesOf(contestants) {
  const waves = new Map()
  for (const contestant of contestants) {
    const key = contestant.beside ?? contestant
    waves.set(key, [...(waves.get(key) ?? []), contestant])
  }
  return waves.values()
}

async function runContestant(contestant, around = run => run(), environment) {
  const { read = ownReport, limitMs = 120_000, repeat = 1, sumUp = median } = contestant
  // A function where a program must be compiled first, which needs the compiler to be installed.
  const command = typeof contestant.command === 'function' ? contestant.command() : contestant.command
  const runs = []
  for (let i = 0; i < repeat; i++) {
    let cost
    const report = await around(async () => {
      const run = await measure([...command.slice(0, 4), baseline('measure'), ...command.slice(4)], {
        limitMs,
        environment,
      })
      cost = run.cost
      return read(run)
    })
    runs.push(numbers(report, cost))
  }
  return Object.fromEntries(
    Object.keys(runs[0]).map(key => [key, runs.length > 1 ? sumUp(runs.map(run => run[key])) : runs[0][key]]),
  )
}
