import { type RouteSeries, traceroutes } from '../../protocols/traceroute/traceroutes.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, exitOf, worst } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf } from '../shared/options.js'
import { escapeControls } from '../shared/output/escape.js'
import { type Path, type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { csvHeading, csvLines } from './csv.js'
import { onKeys } from './keys.js'
import { defaultOrder, knownLetters } from './order.js'
import { type Drawn, draw, type ViewSettings } from './view.js'

export interface MtrFlags extends PathFlags, FamilyFlags {
  report?: boolean
  reportWide?: boolean
  count?: number
  interval: number
  firstHop: number
  maxHops: number
  timeout: number
  numeric?: boolean
  udp?: boolean
  tcp?: boolean
  port?: number
  flows?: number
  order?: string
  csv?: boolean
  json?: boolean
}

interface Line extends Drawn {
  path: Path
  series: RouteSeries
}

const roundsOfReport = 10

export async function run(session: Session, flags: MtrFlags, host: string): Promise<Exit> {
  const { output, signal } = session
  const report = flags.report || flags.reportWide
  const isLive = output.terminal.live && !report && !flags.csv && !flags.json
  const endless = isLive || (flags.json && !report)
  const method = flags.tcp ? 'tcp' : flags.udp ? 'udp' : 'icmp'
  const options = {
    method: method as 'icmp' | 'udp' | 'tcp',
    count: flags.count ?? (endless ? undefined : roundsOfReport),
    interval: flags.interval,
    firstHop: flags.firstHop,
    maxHops: flags.maxHops,
    timeout: flags.timeout,
    port: flags.port,
    flows: flags.flows,
    names: !flags.numeric,
    family: familyOf(flags),
    signal,
  }
  const lines = pathsOf(flags).map((path): Line => {
    return { path, name: path.name, route: undefined, series: traceroutes(host, { ...options, ...path.options }) }
  })

  const follow = async (line: Line): Promise<Exit> => {
    const { path, series } = line
    try {
      for await (const route of series) {
        line.route = route
        if (!report) output.object('result', { ...path.label, ...route })
      }
    } catch (error) {
      if (!signal.aborted) {
        line.failure = (error as Error).message
        throw error
      }
    }
    line.route = series.statistics
    if (line.route) output.object('summary', { ...path.label, ...line.route })
    const { reached, error } = line.route ?? {}
    return reached ? Exit.good : error ? exitOf(error) : Exit.unreachable
  }
  let exits: Exit[] = []
  const work = async () => {
    exits = await onEachPath(session, lines, follow)
  }

  const view: ViewSettings = {
    order: flags.order ?? defaultOrder,
    numeric: flags.numeric ?? false,
    wide: flags.reportWide,
  }
  if (isLive) await watch(session, lines, view, heading(host, method), work)
  else await work()
  if (flags.csv) output.line(csvHeading, ...lines.flatMap(csvOf))
  else if (!flags.json) {
    output.line(heading(host, method))
    output.text(draw(lines, view, output.terminal))
  }
  return worst(exits)
}

function heading(host: string, method: string): string {
  return `mtr to ${host}, ${method}`
}

function csvOf({ path, route }: Line): string[] {
  return route ? csvLines(path.label.device, route) : []
}

async function watch(
  { output }: Session,
  lines: readonly Line[],
  view: ViewSettings,
  title: string,
  work: () => Promise<void>,
): Promise<void> {
  const chosen = view.order
  let paused = false
  const keys: Record<string, () => void> = {
    p() {
      paused = !paused
      for (const { series } of lines) paused ? series.pause() : series.resume()
    },
    r() {
      for (const line of lines) {
        line.series.reset()
        line.route = line.series.statistics
      }
    },
    d() {
      view.order = view.order === chosen ? knownLetters : chosen
    },
    n() {
      view.numeric = !view.numeric
    },
    q() {
      for (const { series } of lines) void series.return()
    },
  }
  const stop = onKeys(key => keys[key]?.())
  try {
    const help = escapeControls(output.color.dim('p pause  r reset  d columns  n names  q quit'))
    const frame = () => [
      escapeControls(`${title}${paused ? ', paused' : ''}`),
      help,
      draw(lines, view, output.terminal),
    ]
    // A round takes a second, and the screen is asked for ten times in it.
    const whenChanged = memo(() => frame().join('\n'))
    await output.liveText(() => {
      const routes = lines.flatMap(({ route, failure }) => [route, failure])
      return whenChanged(paused, view.order, view.numeric, output.terminal.columns, ...routes)
    }, work)
  } finally {
    stop()
  }
}

/** Makes the text again only if one of these values has changed. */
function memo(make: () => string): (...values: unknown[]) => string {
  let made: { values: unknown[]; text: string } | undefined
  return (...values) => {
    if (!made || values.some((value, index) => value !== made!.values[index])) made = { values, text: make() }
    return made.text
  }
}
