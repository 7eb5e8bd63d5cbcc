import { joinHostPort } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import type { PortSweep, PortSweepResult } from '../../scan/port-sweep.js'
import { sweepPorts } from '../../scan/sweep-ports.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, exitOf, worst } from '../shared/exit-code.js'
import { familyOf } from '../shared/options.js'
import { milliseconds, plural, share } from '../shared/output/format.js'
import { ProgressLine } from '../shared/output/progress.js'
import { type Path, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { grepableFile } from './grepable-file.js'
import { GrepableHosts } from './grepable-hosts.js'
import type { ScanFlags } from './run.js'

interface Swept {
  readonly path: Path
  readonly sweep: PortSweep
  readonly openHosts: Set<string>
  readonly grepable: GrepableHosts
}

/** The same ports of many hosts: a line for each open port as soon as it is known, as fping and masscan print. */
export async function runHosts(session: Session, flags: ScanFlags, hosts: readonly string[]): Promise<Exit> {
  const { output, signal } = session
  const { ports, timeout, retries, concurrency, rate, all = false } = flags
  const started = monotonicNow()
  const paths = pathsOf(flags)
  const options = { ports, timeout, retries, concurrency, rate, family: familyOf(flags), signal }
  const file = grepableFile(session, flags.grepable)
  const lines = paths.map((path): Swept => {
    const grepable = new GrepableHosts(ports, all, file.write)
    return { path, sweep: sweepPorts(hosts, { ...options, ...path.options }), openHosts: new Set(), grepable }
  })
  const prefix = ({ path }: Swept) => (lines.length > 1 ? `${path.name}: ` : '')

  const follow = async (line: Swept): Promise<Exit> => {
    const { path, sweep, openHosts, grepable } = line
    file.write(`# netvia scan through ${path.name}`)
    const faults = new Map<string, Exit>()
    try {
      for await (const result of sweep) {
        grepable.add(result)
        const { host, state, error } = result
        if (state === 'open') openHosts.add(host)
        const kind = error && `${error.code} ${error.hostname ?? ''}`
        if (kind !== undefined && !faults.has(kind)) {
          faults.set(kind, exitOf(error))
          output.note(`${prefix(line)}${error!.message}`)
        }
        if (state !== 'open' && !all) continue
        output.object('result', { ...path.label, ...result })
        if (flags.grepable !== '-') output.line(`${prefix(line)}${lineOf(session, flags, result)}`)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    grepable.end()
    const { open, closed, filtered, unsent } = sweep.progress
    output.object('summary', { ...path.label, hosts: openHosts.size, open, closed, filtered, unsent })
    return worst([open > 0 ? Exit.good : Exit.unreachable, ...faults.values()])
  }
  const drawn = new ProgressLine(timeout)
  let exits: Exit[] = []
  await output.progress(
    columns => {
      const sum = (of: (line: Swept) => number) => lines.reduce((total, line) => total + of(line), 0)
      const done = sum(({ sweep }) => sweep.progress.done)
      const total = sum(({ sweep }) => sweep.progress.total!)
      return drawn.draw(done, total, monotonicNow() - started, columns)
    },
    async () => {
      exits = await onEachPath(session, lines, follow)
    },
  )
  await file.end()
  if (!flags.quiet && flags.grepable !== '-') for (const line of lines) output.line(`${prefix(line)}${summaryOf(line)}`)
  return worst(exits)
}

function lineOf({ output }: Session, { quiet }: ScanFlags, result: PortSweepResult): string {
  const { host, port, state, rttMs, code } = result
  const who = joinHostPort(host, port)
  if (quiet) return who
  const { color } = output
  const paint = { open: color.green, closed: color.dim, filtered: color.yellow, unsent: color.red }
  return [
    who,
    paint[state](state),
    ...(rttMs === undefined ? [] : [milliseconds(rttMs)]),
    ...(code ? [code] : []),
  ].join(' ')
}

function summaryOf({ sweep, openHosts }: Swept): string {
  const { done, total, open, closed, filtered, unsent, elapsedMs } = sweep.progress
  const onHosts = `${open} open on ${plural(openHosts.size, 'host')}`
  const counts = `${onHosts}, ${closed} closed, ${filtered} filtered, ${unsent} not sent`
  return `${share(done, total, 'port')} in ${milliseconds(elapsedMs)}: ${counts}`
}
