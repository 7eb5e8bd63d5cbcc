import { monotonicNow } from '../../monotonic.js'
import type { PingResult } from '../../protocols/icmp/result.js'
import { type Sweep, sweep } from '../../protocols/icmp/sweep/sweep.js'
import { isOwnAddressError } from '../../system/this-host.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, exitOf, worst } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf, type OutputFlags } from '../shared/options.js'
import { digits, milliseconds, percent, plural, share } from '../shared/output/format.js'
import { ProgressLine } from '../shared/output/progress.js'
import { statisticsCells, statisticsColumns } from '../shared/output/statistics.js'
import { type Path, type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { type NameFlags, nameOf } from './names.js'
import { targetsOf } from './targets.js'

export interface SweepFlags extends PathFlags, FamilyFlags, OutputFlags, NameFlags {
  count?: number
  vcount?: number
  loop?: boolean
  period: number
  reachable?: number
  interval?: number
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
  // Several sweeps read the same targets, and a stream can be read only once.
  const inRounds = flags.count !== undefined || flags.vcount !== undefined || flags.loop
  const targets = paths.length > 1 || inRounds ? await gather(source) : source
  const { retry: retries, timeout, ttl, broadcast, size: payloadSize } = flags
  const rate = flags.interval === undefined ? flags.rate : 1000 / flags.interval
  const options = { retries, timeout, rate, ttl, broadcast, payloadSize, family: familyOf(flags), signal }
  if (inRounds) {
    const { runRounds } = await import('./rounds.js')
    return runRounds(session, flags, targets as string[], paths, options)
  }
  const lines: Line[] = paths.map(path => {
    return { path, results: sweep(targets, { ...options, ...path.options }), alive: 0, unreachable: 0 }
  })

  const say = async ({ path }: Line, result: PingResult) => {
    const text = lineOf(session, flags, result, await nameOf(flags, result, path, signal))
    output.line(paths.length > 1 ? `${path.name}: ${text}` : text)
  }
  const follow = async (line: Line): Promise<Exit> => {
    const exits = new Set<Exit>()
    const groups = new Set<string>()
    // A name may be looked up before a line is printed. The results wait for none.
    const printed: Promise<void>[] = []
    try {
      for await (const result of line.results) {
        output.object('result', { ...line.path.label, ...result })
        if (result.alive) {
          // Several hosts of a group are one target.
          if (!groups.has(result.address)) line.alive++
          if (result.from !== result.address) groups.add(result.address)
        } else line.unreachable++
        exits.add(exitOfResult(result))
        if (!flags.quiet && isShown(flags, result)) {
          const said = say(line, result)
          if (flags.name || flags.rdns) printed.push(said)
          else await said
        }
      }
      await Promise.all(printed)
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const { alive, unreachable, results } = line
    output.object('summary', { ...line.path.label, alive, unreachable, ...results.statistics })
    return enough(session, flags, alive) ?? worst(exits)
  }
  let exits: Exit[] = []
  const elapsed = () => monotonicNow() - started
  const drawn = new ProgressLine(timeout * (retries + 1))
  const progress = (columns: number) => {
    const done = lines.reduce((sum, { results }) => sum + results.progress.done, 0)
    const totals = lines.map(({ results }) => results.progress.total)
    const total = totals.every(one => one !== undefined) ? totals.reduce((sum, one) => sum + one, 0) : undefined
    return drawn.draw(done, total, elapsed(), columns)
  }
  await output.progress(progress, async () => {
    exits = await onEachPath(session, lines, follow)
  })
  if (paths.length > 1) await compareLines(session, lines)
  // A user who interrupts it wants to know its progress.
  else if ((flags.stats || signal.aborted) && !flags.json)
    for (const text of summary(lines[0]!, elapsed())) output.note(text)
  return worst(exits)
}

async function gather(source: Iterable<string> | AsyncIterable<string>): Promise<string[]> {
  const targets: string[] = []
  for await (const target of source) targets.push(target)
  return targets
}

function isShown({ alive, unreach }: SweepFlags, result: PingResult): boolean {
  return alive || unreach ? Boolean(result.alive ? alive : unreach && !isOwnAddressError(result.error)) : true
}

/** fping's words. */
function lineOf({ output }: Session, flags: SweepFlags, result: PingResult, host: string): string {
  const { color } = output
  const { address, from, alive, rttMs, outcome, reason } = result
  const who = alive && from !== address ? from : undefined
  const bare = flags.alive || flags.unreach
  const time = alive && flags.elapsed ? ` (${digits(rttMs)} ms)` : ''
  if (bare) return `${who ?? host}${time}`
  if (alive) return `${host} is ${color.green('alive')}${who ? `: ${who}` : ''}${time}`
  if (isOwnAddressError(result.error)) return `${host} was not asked (${reason})`
  const why = { timeout: '', unreachable: ` (${reason})` }[outcome as string] ?? ` (${reason ?? outcome})`
  return `${host} is ${color.red('unreachable')}${why}`
}

/** The verdict of -x, in fping's words; undefined without it. */
export function enough({ output }: Session, { reachable, quiet }: SweepFlags, alive: number): Exit | undefined {
  if (reachable === undefined) return undefined
  const isEnough = alive >= reachable
  const counts = `(required: ${reachable}, reachable: ${alive})`
  if (!quiet) output.line(`${isEnough ? 'Enough' : 'Not enough'} hosts reachable ${counts}`)
  return isEnough ? Exit.good : Exit.unreachable
}

export function exitOfResult({ alive, error }: PingResult): Exit {
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
