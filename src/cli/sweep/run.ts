import { monotonicNow } from '../../monotonic.js'
import type { PingResult } from '../../protocols/icmp/result.js'
import { type Sweep, sweep } from '../../protocols/icmp/sweep/sweep.js'
import { Exit, exitOf, worst } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf, type OutputFlags } from '../shared/options.js'
import { digits, milliseconds, percent, plural, share } from '../shared/output/format.js'
import { progressLine } from '../shared/output/progress.js'
import { statisticsCells, statisticsColumns } from '../shared/output/statistics.js'
import { type Path, type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { settle } from '../shared/settle.js'
import { targetsOf } from './targets.js'

export interface SweepFlags extends PathFlags, FamilyFlags, OutputFlags {
  alive?: boolean
  unreach?: boolean
  retry: number
  timeout: number
  generate?: boolean
  file?: string
  stats?: boolean
  elapsed?: boolean
  rate?: number
  size: number
  ttl?: number
  broadcast?: boolean
}

interface Line {
  path: Path
  results: Sweep
  alive: number
  unreachable: number
}

export async function run(session: Session, flags: SweepFlags, given: string[]): Promise<Exit> {
  const { output, signal } = session
  const started = monotonicNow()
  const paths = pathsOf(flags)
  const source = targetsOf(flags, given)
  // Several sweeps read the same targets: what can be read but once is kept.
  const targets = paths.length > 1 ? await gather(source) : source
  const { retry: retries, timeout, rate, ttl, broadcast, size: payloadSize } = flags
  const options = { retries, timeout, rate, ttl, broadcast, payloadSize, family: familyOf(flags), signal }
  const lines: Line[] = paths.map(path => {
    return { path, results: sweep(targets, { ...options, ...path.options }), alive: 0, unreachable: 0 }
  })

  const follow = async (line: Line): Promise<Exit> => {
    const exits = new Set<Exit>()
    const groups = new Set<string>()
    try {
      for await (const result of line.results) {
        output.object('result', { ...line.path.label, ...result })
        if (result.alive) {
          // Several hosts of a group are one target.
          if (!groups.has(result.address)) line.alive++
          if (result.from !== result.address) groups.add(result.address)
        } else line.unreachable++
        exits.add(exitOfResult(result))
        const text = flags.quiet ? undefined : lineOf(session, flags, result)
        if (text !== undefined) output.line(paths.length > 1 ? `${line.path.name}: ${text}` : text)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const { alive, unreachable, results } = line
    output.object('summary', { ...line.path.label, alive, unreachable, ...results.statistics })
    return worst(exits)
  }
  let exits: Exit[] = []
  const elapsed = () => monotonicNow() - started
  const progress = (columns: number) => {
    const done = lines.reduce((sum, { results }) => sum + results.progress.done, 0)
    const totals = lines.map(({ results }) => results.progress.total)
    const total = totals.every(one => one !== undefined) ? totals.reduce((sum, one) => sum + one, 0) : undefined
    return progressLine(done, total, elapsed(), columns)
  }
  await output.progress(progress, async () => {
    exits = await settle(session, lines, follow)
  })
  if (paths.length > 1) await compareLines(session, lines)
  // Who breaks it off wants to know how far it came.
  else if ((flags.stats || signal.aborted) && !flags.json)
    for (const text of summary(lines[0]!, elapsed())) output.note(text)
  return worst(exits)
}

async function gather(source: Iterable<string> | AsyncIterable<string>): Promise<string[]> {
  const targets: string[] = []
  for await (const target of source) targets.push(target)
  return targets
}

/** As fping's words; undefined: this one is not asked for. */
function lineOf({ output }: Session, flags: SweepFlags, result: PingResult): string | undefined {
  const { color } = output
  const { host, address, from, alive, rttMs, outcome, reason } = result
  const who = alive && from !== address ? from : undefined
  const bare = flags.alive || flags.unreach
  if (bare && !(alive ? flags.alive : flags.unreach)) return undefined
  const time = alive && flags.elapsed ? ` (${digits(rttMs)} ms)` : ''
  if (bare) return `${who ?? host}${time}`
  if (alive) return `${host} is ${color.green('alive')}${who ? `: ${who}` : ''}${time}`
  const why = { timeout: '', unreachable: ` (${reason})` }[outcome as string] ?? ` (${reason ?? outcome})`
  return `${host} is ${color.red('unreachable')}${why}`
}

function exitOfResult({ alive, error }: PingResult): Exit {
  return alive ? Exit.good : error ? exitOf(error) : Exit.unreachable
}

async function compareLines({ output }: Session, lines: readonly Line[]): Promise<void> {
  const right = (title: string) => ({ title, align: 'right' as const })
  const columns = [{ title: 'uplink' }, right('alive'), right('unreachable'), ...statisticsColumns]
  await output.table(
    columns,
    lines.map(({ path, alive, unreachable, results }) => {
      return [path.name, String(alive), String(unreachable), ...statisticsCells(results.statistics)]
    }),
  )
}

function summary({ alive, unreachable, results }: Line, elapsedMs: number): string[] {
  const { sent, unsent, received, lossRatio, minMs, avgMs, maxMs } = results.statistics
  const targets = alive + unreachable
  return [
    `${share(targets, results.progress.total, 'target')}: ${alive} alive, ${unreachable} unreachable`,
    `${plural(sent, 'request')} sent, ${unsent} not sent, ${received} answered, ${percent(lossRatio)} loss`,
    `round trip min/avg/max ${[minMs, avgMs, maxMs].map(milliseconds).join(' / ')}`,
    `${(elapsedMs / 1000).toFixed(1)} s, ${Math.round((targets * 1000) / elapsedMs)} targets/s`,
  ]
}
