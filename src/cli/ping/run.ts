import { monotonicNow } from '../../monotonic.js'
import { type PingsOptions, pings } from '../../protocols/icmp/pings.js'
import type { PingResult } from '../../protocols/icmp/result.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, exitOf, worst } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf, type OutputFlags } from '../shared/options.js'
import { outcomeText } from '../shared/outcome-text.js'
import { milliseconds } from '../shared/output/format.js'
import { pingProgress, pingSummary, statisticsCells, statisticsColumns } from '../shared/output/statistics.js'
import type { Terminal } from '../shared/output/terminal.js'
import { type Path, type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'

export interface PingFlags extends PathFlags, FamilyFlags, OutputFlags {
  count?: number
  interval?: number
  adaptive?: boolean
  flood?: boolean
  preload?: number
  audible?: boolean
  verbose?: boolean
  timeout: number
  deadline?: number
  size: number
  ttl?: number
  broadcast?: boolean
  pmtudisc?: 'do' | 'dont'
  pattern?: Buffer
  kind: 'auto' | 'datagram' | 'raw'
  timestamp?: boolean
}

/** What the table of several hosts or uplinks shows of one. */
interface Line {
  host: string
  path: Path
  last?: PingResult
  failed?: boolean
  /** Answers that say it can't be reached. */
  errors: number
  /** Hosts of a group that have answered. */
  hosts: Set<string>
  series: ReturnType<typeof pings>
}

export async function run(session: Session, flags: PingFlags, given: string[]): Promise<Exit> {
  const { output } = session
  const started = monotonicNow()
  const deadline = flags.deadline === undefined ? undefined : AbortSignal.timeout(flags.deadline)
  const signal = deadline ? AbortSignal.any([session.signal, deadline]) : session.signal
  const options: PingsOptions = { ...optionsOf(flags), signal }
  const paths = pathsOf(flags)
  const hosts = [...new Set(given)]
  const lines: Line[] = hosts.flatMap(host =>
    paths.map(path => ({
      ...{ host, path, errors: 0, hosts: new Set<string>() },
      series: pings(host, { ...options, ...path.options }),
    })),
  )
  const side = lines.length > 1
  /** What distinguishes the lines. */
  const nameCells = ({ host, path }: Line) => [
    ...(hosts.length > 1 ? [host] : []),
    ...(paths.length > 1 ? [path.name] : []),
  ]

  const follow = async (line: Line): Promise<Exit> => {
    const { host, path, series } = line
    try {
      for await (const result of series) {
        output.object('result', { ...path.label, ...result })
        if (!side && line.last === undefined) output.line(heading(flags, path, result))
        if (flags.audible && result.alive) output.bell()
        if (!flags.quiet && !(side && output.terminal.live)) say(session, flags, nameCells(line).join(' by '), result)
        line.last = result
        if (result.from !== undefined && !result.alive) line.errors++
        if (result.alive && result.from !== result.address) line.hosts.add(result.from)
      }
    } catch (error) {
      if (!signal.aborted) {
        line.failed = true
        throw error
      }
    }
    output.object('summary', { ...path.label, host, ...series.statistics })
    return series.statistics.received > 0 ? Exit.good : line.last?.error ? exitOf(line.last.error) : Exit.unreachable
  }
  let exits: Exit[] = []
  const work = async () => {
    // As in ping: Ctrl-\ asks how it goes.
    const printStatistics = () => {
      for (const line of lines)
        output.note(`${side ? `${nameCells(line).join(' by ')}: ` : ''}${pingProgress(line.series.statistics)}`)
    }
    process.on('SIGQUIT', printStatistics)
    exits = await onEachPath(session, lines, follow)
    process.off('SIGQUIT', printStatistics)
  }
  if (side) {
    const columns = [
      ...(hosts.length > 1 ? [{ title: 'host' }] : []),
      ...(paths.length > 1 ? [{ title: 'uplink' }] : []),
      { title: 'last', align: 'right' as const },
      ...statisticsColumns,
      { title: 'address', spare: true },
    ]
    await output.liveTable(columns, () => lines.map(line => [...nameCells(line), ...row(line, output.color)]), work)
  } else {
    await work()
    const { host, last, errors, hosts, series } = lines[0]!
    const elapsedMs = monotonicNow() - started
    if (last) for (const text of pingSummary(host, series.statistics, errors, elapsedMs, hosts.size)) output.line(text)
  }
  return worst(exits)
}

function optionsOf(flags: PingFlags): PingsOptions {
  return {
    count: flags.count,
    interval: flags.interval ?? (flags.flood ? 10 : 1000),
    adaptive: flags.adaptive || flags.flood,
    preload: flags.preload,
    timeout: flags.timeout,
    ttl: flags.ttl,
    kind: flags.kind,
    broadcast: flags.broadcast,
    family: familyOf(flags),
    dontFragment: flags.pmtudisc === undefined ? undefined : flags.pmtudisc === 'do',
    ...(flags.pattern ? { payload: Buffer.alloc(flags.size, flags.pattern) } : { payloadSize: flags.size }),
  }
}

function row({ last, failed, series }: Line, color: Terminal['color']): string[] {
  const bad = failed ? 'failed' : last?.alive === false ? last.outcome : undefined
  const latest = bad === undefined ? (last ? milliseconds(last.rttMs) : '…') : color.red(bad)
  return [latest, ...statisticsCells(series.statistics), last?.address ?? '-']
}

function heading({ size }: PingFlags, { options: { device } }: Path, { host, address }: PingResult): string {
  return `PING ${host} (${address})${device === undefined ? '' : ` by ${device}`}: ${size} data bytes`
}

function say({ output }: Session, flags: PingFlags, name: string, result: PingResult): void {
  if (flags.flood) {
    // ping writes a dot for each request and takes it back for each reply: the missing ones stay.
    if (!result.alive) output.text('.', '')
    return
  }
  const time = flags.timestamp ? `[${(Date.now() / 1000).toFixed(6)}] ` : ''
  const more = flags.verbose ? verboseText(result) : ''
  output.line(`${time}${name === '' ? '' : `${name}: `}${outcomeText(result, output.color)}${more}`)
}

function verboseText({ queuedMs, type, code, error, clock, alive }: PingResult): string {
  const parts = [
    ...(alive ? [`stamped by the ${clock === 'kernel' ? 'kernel' : 'process'}`] : []),
    ...(queuedMs === undefined ? [] : [`queued ${milliseconds(queuedMs)}`]),
    ...(type === undefined || alive ? [] : [`type ${type} code ${code}`]),
    ...(error === undefined ? [] : [error.code]),
  ]
  return parts.length ? ` [${parts.join(', ')}]` : ''
}
