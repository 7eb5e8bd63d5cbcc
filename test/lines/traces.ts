// @ts-expect-error: a tool, without types
import * as tool from '../../tools/random-numbers.mjs'

/** The numbers (0-1) of a seed. */
export const randomNumbers: (seed: number) => () => number = tool.randomNumbers

/** The probability (0-1) that a packet sent at `at` (ms) is lost. */
export type Line = (at: number) => number

/** A line for the table, and how a person would judge it. */
export interface Case {
  name: string
  line: Line
  verdict: 'works' | 'unusable' | 'between'
}

const second = 1000
const minute = 60 * second

const losing =
  (share: number): Line =>
  () =>
    share

/** Alternates between on and off, starting with on. */
const flapping =
  (off: number, on: number, loss = 1): Line =>
  at =>
    at % (off + on) < on ? 0 : loss

/** The same with random lengths, exponentially distributed around their means. */
function bursty(off: number, on: number, loss: number): Line {
  const random = randomNumbers(7)
  const ends: number[] = []
  let covered = 0
  return at => {
    while (covered <= at) {
      covered += -Math.log(1 - random()) * (ends.length % 2 === 0 ? on : off)
      ends.push(covered)
    }
    let [low, high] = [0, ends.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle]! > at) high = middle
      else low = middle + 1
    }
    return low % 2 === 0 ? 0 : loss
  }
}

export const cases: Case[] = [
  ...[0, 0.01, 0.02, 0.05].map(share => lossCase(share, 'works')),
  lossCase(0.1, 'between'),
  ...[0.2, 0.28, 0.41, 0.6].map(share => lossCase(share, 'unusable')),
  { name: 'off for 30 s, once', line: flapping(30 * second, 6 * 60 * minute), verdict: 'works' },
  { name: 'off for 20 s every 2 h', line: flapping(20 * second, 120 * minute - 20 * second), verdict: 'works' },
  { name: '1 % loss in bursts of 1 s', line: bursty(second, 99 * second, 1), verdict: 'works' },
  ...(
    [
      [5, 5],
      [10, 14],
      [10, 60],
      [20, 280],
      [30, 30],
      [60, 60],
      [120, 120],
      [300, 300],
    ] as const
  ).map(([off, on]) => ({
    name: `${off} s off, ${on} s on`,
    line: flapping(off * second, on * second),
    verdict: 'unusable' as const,
  })),
  { name: '30 % loss for 2 min, none for 2 min', line: flapping(2 * minute, 2 * minute, 0.3), verdict: 'unusable' },
  {
    name: 'bursts around 8 s with 80 % loss, 25 s apart',
    line: bursty(8 * second, 25 * second, 0.8),
    verdict: 'unusable',
  },
]

function lossCase(share: number, verdict: Case['verdict']): Case {
  return { name: share === 0 ? 'no loss' : `${Math.round(share * 100)} % loss`, line: losing(share), verdict }
}
