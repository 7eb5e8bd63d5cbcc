import { settingsOf } from '../../src/monitor/settings.js'
import { Quorum } from '../../src/monitor/state/quorum.js'
import { type Outcome, StateMachine } from '../../src/monitor/state/state-machine.js'
import type { Line } from './traces.js'

/** Watches a line from 0 to `end` (ms), and reports each state with the time at which it starts. */
export type Rule = (line: Line, random: () => number, end: number, report: (state: string, at: number) => void) => void

const ok: Outcome = { ok: true, local: false, latencyMs: 20, error: null }
const lost: Outcome = { ok: false, local: false, latencyMs: null, error: 'timeout', silent: true }

/** netvia's own rules, with the defaults and one ping check. */
export const netvia: Rule = (line, random, end, report) => {
  const { rounds } = settingsOf({ uplinks: [{ name: 'line', checks: [{ type: 'ping', host: '192.0.2.1' }] }] })
  const check = { label: 'ping 192.0.2.1', target: '192.0.2.1', loss: rounds.loss, latencyMs: rounds.latencyMs }
  const quorum = new Quorum([{ required: false, group: undefined }], rounds.reliability, new Map())
  const machine = new StateMachine(rounds, [check], quorum, 0)
  report(machine.state, 0)
  for (let at = 0; at < end; ) {
    const outcome = random() < line(at) ? lost : ok
    const judgedAt = at + (outcome.ok ? outcome.latencyMs : rounds.timeout)
    const change = machine.round([outcome], judgedAt)
    if (change) report(change.to, judgedAt)
    at = Math.max(at + rounds.interval, outcome.ok ? 0 : judgedAt)
  }
}

/** mwan3track's defaults: a ping every 10 s with a timeout of 4 s. The line is down after 5 lost pings in a row, up after 5 replies. */
export const mwan3: Rule = (line, random, end, report) => {
  const [interval, timeout, down, up] = [10_000, 4000, 5, 5]
  let isUp = true
  let [good, bad] = [0, 0]
  report('up', 0)
  for (let at = 0; at < end; at += interval) {
    const isLost = random() < line(at)
    good = isLost ? 0 : good + 1
    bad = isLost ? bad + 1 : 0
    if (isUp ? bad < down : good < up) continue
    isUp = !isUp
    report(isUp ? 'up' : 'down', at + (isLost ? timeout : 20))
  }
}

/** dpinger as pfSense starts it: a ping every 500 ms, lost after 2 s. The line is down while a minute's mean loss exceeds 20 %. */
export const dpinger: Rule = (line, random, end, report) => {
  const [interval, lossInterval, period, limit] = [500, 2000, 60_000, 0.2]
  const results: number[] = []
  let sum = 0
  let isUp = true
  report('up', 0)
  for (let at = 0; at < end; at += interval) {
    results.push(Number(random() < line(at)))
    sum += results.at(-1)!
    if (results.length > period / interval) sum -= results.at(-1 - period / interval)!
    const loss = sum / Math.min(results.length, period / interval)
    if (isUp === loss <= limit) continue
    isUp = !isUp
    report(isUp ? 'up' : 'down', at + lossInterval)
  }
}
