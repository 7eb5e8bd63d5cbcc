// Medians and ratios over the rounds of one run. Ratios are computed within each round and summarized afterwards. The two runs are
// close in time, so a slow machine slows both.

/** The quantile `q`, 0 to 1, by linear interpolation between the two nearest values. */
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
 * Compares two contestants with a target: `{ text, metric, of, over?, compare?: 'ratio' | 'difference', atLeast?, atMost? }`.
 * `rounds` has the values of each contestant by name for each round. Undefined if no round has both contestants.
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

/** Summarizes each figure of each contestant over the rounds. */
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
