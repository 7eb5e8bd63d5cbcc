import stringWidth from 'string-width'
import type { HopStatistics, RouteStatistics } from '../../protocols/traceroute/route-statistics.js'
import { escapeControls } from '../shared/output/escape.js'
import { aligned, type Column, table } from '../shared/output/table.js'
import type { Terminal } from '../shared/output/terminal.js'
import { cellsOf, columnsOf } from './columns.js'
import { commonHop, verdict } from './common-hop.js'
import { tree } from './tree.js'

/** One uplink, as it is drawn. */
export interface Drawn {
  name: string
  route: RouteStatistics | undefined
  /** Why there is none. */
  failure?: string
}

export interface ViewSettings {
  /** Letters of the columns. */
  order: string
  /** Addresses, where names are known too. */
  numeric: boolean
  /** No name is cut, however wide that makes the table. */
  wide?: boolean
}

/** The shortest host column that is of use. */
const leastHost = 15
/** Beside each uplink's hosts: loss, average, and the gaps. */
const sideOrder = 'LA'
const sideFigures = 18

/** What a person sees: the uplinks side by side if they fit, else one below the other. */
export function draw(lines: readonly Drawn[], settings: ViewSettings, { columns, color }: Terminal): string {
  const width = settings.wide ? Number.POSITIVE_INFINITY : columns
  if (lines.length === 1) return one(lines[0]!, settings, width, color).join('\n')
  const routes = lines.flatMap(({ route }) => route ?? [])
  const common = routes.length === lines.length ? commonHop(routes) : undefined
  const hostWidth = Math.min(settings.wide ? width : 40, Math.floor((width - 3) / lines.length) - sideFigures)
  const body =
    hostWidth >= leastHost
      ? [sideBySide(lines, settings, hostWidth, common, color)]
      : lines.flatMap(line => [escapeControls(color.bold(line.name)), ...one(line, settings, width, color, common)])
  const name = Math.max(...lines.map(line => stringWidth(line.name)))
  const verdicts = lines.map(line => {
    return `${aligned(line.name, name)}  ${line.route ? verdict(line.route, common) : (line.failure ?? 'waiting')}`
  })
  const meeting = common === undefined ? 'no common hop yet' : `= ${common} is the first common hop`
  return [...body, '', ...[color.cyan(meeting), ...verdicts].map(escapeControls)].join('\n')
}

function one(
  { route, failure }: Drawn,
  settings: ViewSettings,
  width: number,
  color: Terminal['color'],
  common?: string,
): string[] {
  if (!route) return [escapeControls(failure ?? 'waiting for answers')]
  const figures = route.hops.map(hop => cellsOf(settings.order, hop, color))
  const columns: Column[] = [{ title: '' }, { title: 'Host' }, ...columnsOf(settings.order)]
  const rowsWith = (hostWidth: number) =>
    route.hops.map((hop, index) => [
      String(hop.ttl).padStart(2),
      hostText(hop, settings, hostWidth, common, color),
      ...figures[index]!,
    ])
  const drawn = grid(columns, rowsWith(hostRoom(columns, figures, width)), width, color)
  const routes = route.flows?.map(({ hops }) => hops.map(hop => hostText(hop, settings, width, undefined, color)))
  return [drawn, ...(routes ? ['', ...tree(routes).map(escapeControls)] : []), ...unsent(route)]
}

function unsent(route: RouteStatistics): string[] {
  return route.error ? ['', escapeControls(verdict(route, undefined))] : []
}

/** What the figures leave of the line. */
function hostRoom(columns: readonly Column[], figures: readonly (readonly string[])[], width: number): number {
  const wide = columns.slice(2).map(({ title }, index) => {
    return Math.max(title.length, ...figures.map(row => stringWidth(escapeControls(row[index]!)))) + 2
  })
  return Math.max(leastHost, width - 4 - wide.reduce((sum, each) => sum + each, 0))
}

function sideBySide(
  lines: readonly Drawn[],
  settings: ViewSettings,
  hostWidth: number,
  common: string | undefined,
  color: Terminal['color'],
): string {
  const columns = [{ title: '' }, ...lines.flatMap(({ name }) => [{ title: name }, ...columnsOf(sideOrder)])]
  const ttls = lines.flatMap(({ route }) => route?.hops.map(({ ttl }) => ttl) ?? [])
  const rows = [...new Set(ttls)]
    .sort((a, b) => a - b)
    .map(ttl => [
      String(ttl).padStart(2),
      ...lines.flatMap(({ route }) => {
        const hop = route?.hops.find(hop => hop.ttl === ttl)
        if (!hop) return ['', ...[...sideOrder].map(() => '')]
        return [hostText(hop, settings, hostWidth, common, color), ...cellsOf(sideOrder, hop, color)]
      }),
    ])
  return grid(columns, rows, Number.POSITIVE_INFINITY, color)
}

/** The width of a cell shows only when its colours are the terminal's. */
function grid(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  color: Terminal['color'],
): string {
  const heads = columns.map(column => ({ ...column, title: escapeControls(color.bold(column.title)) }))
  return table(
    heads,
    rows.map(row => row.map(escapeControls)),
    width,
  )
}

function hostText(
  { address, name }: HopStatistics,
  { numeric }: ViewSettings,
  width: number,
  common: string | undefined,
  color: Terminal['color'],
): string {
  const text = (numeric ? address : (name ?? address)) ?? '???'
  const isCommon = address !== undefined && address === common
  const room = isCommon ? width - 2 : width
  const cut = text.length > room ? `${text.slice(0, room - 1)}…` : text
  return isCommon ? color.cyan(`= ${cut}`) : cut
}
