import wrapAnsi from 'wrap-ansi'
import type { Device } from '../../system/devices/device.js'
import { device, devices } from '../../system/devices/devices.js'
import { readDefaultRoutes, readRules } from '../../system/netlink/tables.js'
import { privileges } from '../../system/privileges/privileges.js'
import { Exit } from '../shared/exit-code.js'
import { plural } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'
import { defaultRoutes, deviceFindings, routeFindings } from './devices.js'
import { type Finding, keepCommand } from './finding.js'
import { privilegeFindings } from './privileges.js'
import { resolverFinding } from './resolver.js'
import { routingFindings } from './routing.js'
import { systemFindings } from './system.js'

export interface DoctorFlags {
  device?: string[]
  json?: boolean
}

/** Columns before the text: the mark and what surrounds it. */
const margin = 6

export async function run(session: Session, flags: DoctorFlags): Promise<Exit> {
  const { output, signal } = session
  const named = await Promise.all((flags.device ?? []).map(name => device(name)))
  const all = await devices()
  const everyDefault = await readDefaultRoutes()
  const routes = defaultRoutes(everyDefault, all)
  const uplinks = named.length ? named : all.filter(({ name }) => routes.some(route => route.device === name))
  const findings: Finding[] = []
  const report = (found: readonly Finding[]) => {
    for (const one of found) {
      const keep = keepCommand(one.fix)
      const finding = keep ? { ...one, keep } : one
      // One command often fixes several things: it is shown once.
      print(
        output,
        finding,
        findings.some(({ fix }) => fix === finding.fix),
      )
      findings.push(finding)
    }
  }
  report(systemFindings())
  report(privilegeFindings(await privileges()))
  report(routeFindings(routes))
  report(routingFindings(everyDefault, readRules()))
  for (const one of [...idle(all, uplinks), ...uplinks]) report(deviceFindings(one, all, routes, named.length > 0))
  // Loopback has no name server, and needs none.
  const paths = uplinks.filter(({ running, kind }) => running && kind !== 'loopback').map(({ name }) => name)
  const asked = uplinks.length ? paths : [undefined]
  report(await Promise.all(asked.map(name => resolverFinding(name, signal))))
  const missing = findings.filter(({ status }) => status === 'no')
  const needed = missing.filter(({ optional }) => !optional)
  const lines = verdict(needed, missing.length - needed.length)
  output.line('', ...lines.flatMap(text => indented(text, 0, output.terminal.columns)))
  return needed.length ? Exit.local : Exit.good
}

/** What matters first; what one command fixes counts once. */
export function verdict(needed: readonly Finding[], optional: number): string[] {
  const fixes = new Set(needed.map(({ fix, about }) => fix ?? about)).size
  const first = needed.length
    ? `${plural(fixes, 'thing')} to fix: ${needed.map(({ about }) => about).join('; ')}.`
    : 'Nothing to fix: checks work here.'
  return optional
    ? [first, `${plural(optional, 'optional thing')} above ${optional === 1 ? 'says' : 'say'} no.`]
    : [first]
}

/** Switched on, no uplink, and nothing at the other end. */
function idle(all: readonly Device[], uplinks: readonly Device[]): Device[] {
  return all.filter(one => one.up && !one.running && !uplinks.includes(one))
}

function print(output: Session['output'], finding: Finding, known: boolean): void {
  const { color, terminal } = output
  const { status, optional, about, detail, fix, keep } = finding
  output.object('finding', finding)
  const no = optional ? color.yellow('no  ') : color.red('no  ')
  const mark = { yes: color.green('yes '), no, note: color.dim('note') }[status]
  const [first, ...rest] = indented(
    `${about}${optional && status === 'no' ? ' (optional)' : ''}: ${detail}`,
    margin,
    terminal.columns,
  )
  output.line(`${mark}  ${first}`, ...rest)
  // A command is not broken into lines: it is there to be copied.
  if (fix === undefined || known) return
  output.line(`${' '.repeat(margin)}${color.cyan(fix)}`)
  if (keep) output.line(`${' '.repeat(margin)}${color.cyan(keep)}  ${color.dim('# to keep it over a restart')}`)
}

/** The lines of a text that fits in `columns` beside a margin: every line but the first begins with it. */
function indented(text: string, margin: number, columns: number): string[] {
  if (columns === Number.POSITIVE_INFINITY) return [text]
  const [first, ...rest] = wrapAnsi(text, Math.max(columns - margin, 20)).split('\n')
  return [first!, ...rest.map(line => ' '.repeat(margin) + line)]
}
