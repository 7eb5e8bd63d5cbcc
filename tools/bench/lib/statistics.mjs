// Medians and ratios over the rounds of one run. A ratio is taken within each round, between neighbours in time, and only
// then summed up: what slows the machine down slows both.

/** Linear interpolation between the two nearest; `q` from 0 to 1. */
export function quantile(values, q) {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const at = q * (sorted.length - 1)
  const low = Math.floor(at)
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low)
}

export const median = values => quantile(values, 0.5)

export function summary(values) {
  if (values.length === 0) return undefined
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), rounds: values.length }
}

const combine = {
  ratio: (a, b) => a / b,
  difference: (a, b) => a - b,
}

/**
 * A target: `{ text, metric, of, over?, compare?: 'ratio' | 'difference', atLeast?, atMost? }`. `rounds`: for each round, the
 * values of each contestant by name. Undefined where no round has both.
 */
export function judge(target, rounds) {
  const { metric, of, over, overMetric = metric, compare = 'ratio', atLeast = -Infinity, atMost = Infinity } = target
  const values = []
  for (const round of rounds) {
    const mine = round[of]?.[metric]
    const theirs = over === undefined ? undefined : round[over]?.[overMetric]
    if (typeof mine !== 'number' || (over !== undefined && typeof theirs !== 'number')) continue
    values.push(over === undefined ? mine : combine[compare](mine, theirs))
  }
  const result = summary(values)
  return result && { ...result, met: result.median >= atLeast && result.median <= atMost }
}

/** Sums up each number of each contestant over the rounds. */
export function summarize(rounds) {
  const names = new Set(rounds.flatMap(round => Object.keys(round)))
  const result = {}
  for (const name of names) {
    const runs = rounds.map(round => round[name]).filter(Boolean)
    const metrics = new Set(runs.flatMap(run => Object.keys(run)))
    result[name] = {}
    for (const metric of metrics) {
      const values = runs.map(run => run[metric]).filter(value => typeof value === 'number' && Number.isFinite(value))
      if (values.length) result[name][metric] = summary(values)
    }
  }
  return result
}
