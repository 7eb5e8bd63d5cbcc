import { dpinger, mwan3, netvia, type Rule } from './rules.js'
import { type Case, cases, randomNumbers } from './traces.js'

/** The duration for which each line is watched, in ms. */
const watched = 12 * 3_600_000

interface Shares {
  /** Shares of the time, 0-1. */
  up: number
  down: number
  /** The number of changes to 'up' or from it. */
  moves: number
}

export interface Row extends Case {
  netvia: Shares
  mwan3: Shares
  dpinger: Shares
}

/** The result of each rule for each line. It is deterministic. */
export function simulate(): Row[] {
  return cases.map((one, index) => ({
    ...one,
    netvia: watch(netvia, one, index),
    mwan3: watch(mwan3, one, index),
    dpinger: watch(dpinger, one, index),
  }))
}

function watch(rule: Rule, { line }: Case, seed: number): Shares {
  const lasted: Record<string, number> = {}
  let [state, since, moves] = ['unknown', 0, 0]
  const last = (until: number) => {
    lasted[state] = (lasted[state] ?? 0) + until - since
  }
  rule(line, randomNumbers(seed), watched, (next, at) => {
    last(at)
    if (state !== 'unknown' && (state === 'up') !== (next === 'up')) moves++
    ;[state, since] = [next, at]
  })
  last(watched)
  return { up: (lasted.up ?? 0) / watched, down: (lasted.down ?? 0) / watched, moves }
}

/** Formats the rows as Markdown. */
export function markdown(rows: readonly Row[]): string {
  const head = [
    '| line, watched for 12 h | a person says | netvia: up, down, moves | mwan3: up, moves | dpinger: up, moves |',
    '|---|---|---|---|---|',
  ]
  const lines = rows.map(({ name, verdict, netvia, mwan3, dpinger }) => {
    const others = [mwan3, dpinger].map(({ up, moves }) => `${percent(up)}, ${moves}`)
    return `| ${[name, verdict, `${percent(netvia.up)}, ${percent(netvia.down)}, ${netvia.moves}`, ...others].join(' | ')} |`
  })
  return [...head, ...lines].join('\n')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
