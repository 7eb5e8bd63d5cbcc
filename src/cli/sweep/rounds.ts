import { setTimeout as sleep } from 'node:timers/promises'
import { monotonicNow } from '../../monotonic.js'
import type { PingResult } from '../../protocols/icmp/result.js'
import { type SweepOptions, sweep } from '../../protocols/icmp/sweep/sweep.js'
import { RttCounter } from '../../stats.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, worst } from '../shared/exit-code.js'
import { digits, percent } from '../shared/output/format.js'
import type { Path } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { nameOf } from './names.js'
import { enough, exitOfResult, type SweepFlags } from './run.js'

/** All rounds of one host over one path. */
interface Host {
  readonly name: string
  readonly counter: RttCounter
  /** The time of each round; undefined without a reply. */
  readonly times: (number | undefined)[]
}

interface Line {
  readonly path: Path
  readonly hosts: Map<string, Host>
  readonly counter: RttCounter
}

/** Several requests to each host, as fping's -c, -C and -l send them: one sweep for each round, `period` apart. */
export async function runRounds(
  session: Session,
  flags: SweepFlags,
  targets: string[],
  paths: readonly Path[],
  options: SweepOptions,
): Promise<Exit> {
  const { output, signal } = session
  const lines = paths.map((path): Line => ({ path, hosts: new Map(), counter: new RttCounter() }))
  const rounds = flags.count ?? flags.vcount ?? Number.POSITIVE_INFINITY
  const prefix = ({ path }: Line) => (lines.length > 1 ? `${path.name}: ` : '')

  const follow = async (line: Line): Promise<Exit> => {
    const exits = new Map<string, Exit>()
    const start = monotonicNow()
    try {
      for (let round = 0; round < rounds; round++) {
        await sleep(Math.max(0, start + round * flags.period - monotonicNow()), undefined, { signal })
        for await (const result of sweep(targets, { ...options, ...line.path.options, retries: 0 })) {
          const host = await hostOf(line, flags, result, signal)
          output.object('result', { ...line.path.label, ...result, sequence: round })
          count(line.counter, result, round)
          count(host.counter, result, round)
          host.times[round] = result.alive ? result.rttMs : undefined
          exits.set(host.name, Math.min(exits.get(host.name) ?? Exit.local, exitOfResult(result)) as Exit)
          if (!flags.quiet) output.line(`${prefix(line)}${roundText(host, result, round)}`)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const alive = [...exits.values()].filter(exit => exit === Exit.good).length
    const summary = { alive, unreachable: exits.size - alive, ...line.counter.snapshot() }
    output.object('summary', { ...line.path.label, ...summary })
    return enough(session, flags, alive) ?? worst(exits.values())
  }
  const exits = await onEachPath(session, lines, follow)
  if (!flags.json) {
    for (const line of lines) {
      for (const host of line.hosts.values())
        output.note(`${prefix(line)}${host.name} : ${flags.vcount ? timesText(host) : totalText(host)}`)
    }
  }
  return worst(exits)
}

async function hostOf(
  { hosts, path }: Line,
  flags: SweepFlags,
  result: PingResult,
  signal: AbortSignal,
): Promise<Host> {
  const key = `${result.host} ${result.address}`
  const known = hosts.get(key)
  if (known) return known
  const host = { name: await nameOf(flags, result, path, signal), counter: new RttCounter(), times: [] }
  hosts.set(key, host)
  return host
}

function count(counter: RttCounter, { outcome, rttMs }: PingResult, round: number): void {
  counter.sent()
  if (outcome === 'reply') counter.reply(rttMs!, round)
  else if (outcome === 'send-failed') counter.refused()
  else counter.lost()
}

function roundText(
  { name, counter }: Host,
  { alive, bytes, rttMs, outcome, reason }: PingResult,
  round: number,
): string {
  const { avgMs, lossRatio } = counter.snapshot()
  const what = alive ? `${bytes} bytes, ${digits(rttMs)} ms` : outcome === 'timeout' ? 'timed out' : (reason ?? outcome)
  return `${name} : [${round}], ${what} (${digits(avgMs)} avg, ${percent(lossRatio)} loss)`
}

/** As fping -c ends. */
function totalText({ counter }: Host): string {
  const { sent, received, lossRatio, minMs, avgMs, maxMs } = counter.snapshot()
  const counts = `xmt/rcv/%loss = ${sent}/${received}/${percent(lossRatio)}`
  return minMs === undefined ? counts : `${counts}, min/avg/max = ${[minMs, avgMs, maxMs].map(digits).join('/')}`
}

/** As fping -C ends: one time for each round, a dash for none. */
function timesText({ times }: Host): string {
  return Array.from(times, time => digits(time)).join(' ')
}
