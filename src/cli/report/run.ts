import { invalidArgument } from '../../errors.js'
import { readConfig } from '../monitor/config.js'
import { usageError } from '../shared/arguments.js'
import { Exit } from '../shared/exit-code.js'
import { csvLine } from '../shared/output/csv.js'
import { duration, milliseconds, percent, plural } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'
import { readHistory, type UplinkReport } from './read.js'
import { since as ago } from './since.js'

export interface ReportFlags {
  config?: string
  history?: string
  since?: number
  device?: string[]
  csv?: 'uplinks' | 'outages'
  json?: boolean
}

export async function run({ output }: Session, flags: ReportFlags, names: string[]): Promise<Exit> {
  const period = { from: flags.since ?? ago('30d'), to: Date.now() }
  const uplinks = chosen(readHistory(fileOf(flags), period), names, flags.device)
  for (const uplink of uplinks) output.object('uplink', { ...period, ...uplink })
  if (flags.csv) for (const line of csv(uplinks, flags.csv)) output.line(line)
  else if (!flags.json) await print(output, uplinks, period)
  return Exit.good
}

function fileOf({ config, history }: ReportFlags): string {
  if (history !== undefined) return history
  if (config === undefined) throw usageError('report needs the configuration of the monitor (-c) or its --history')
  const named = readConfig(config).history
  if (named === undefined) throw usageError(`${config} has no "history": nothing was kept`)
  return named
}

function chosen(all: UplinkReport[], names: readonly string[], devices: readonly string[] | undefined): UplinkReport[] {
  for (const name of names) {
    if (all.every(uplink => uplink.name !== name))
      throw invalidArgument('report: uplink', name, `one of the history (${all.map(({ name }) => name).join(', ')})`)
  }
  const known = [...new Set(all.flatMap(({ device }) => device ?? []))]
  for (const device of devices ?? []) {
    if (!known.includes(device))
      throw invalidArgument('report: --device', device, `one of the history (${known.join(', ')})`)
  }
  return all.filter(
    ({ name, device }) =>
      (names.length === 0 || names.includes(name)) && (!devices || (device !== null && devices.includes(device))),
  )
}

async function print(output: Session['output'], uplinks: UplinkReport[], period: { from: number; to: number }) {
  output.line(`${moment(period.from)} to ${moment(period.to)}`)
  const times = ['median', 'p95', 'p99', 'jitter']
  const heads = ['uplink', 'device', 'available', 'outages', 'down', 'not known', 'loss', ...times]
  await output.table(
    heads.map((title, index) => ({ title, ...(index > 1 && { align: 'right' as const }) })),
    uplinks.map(uplink => [
      ...[uplink.name, uplink.device ?? '', percent4(uplink.availability), String(uplink.outages.length)],
      ...[duration(uplink.downMs / 1000), duration(uplink.unknownMs / 1000), percent(uplink.lossRatio ?? undefined)],
      ...[uplink.p50Ms, uplink.p95Ms, uplink.p99Ms, uplink.jitterMs].map(time => milliseconds(time ?? undefined)),
    ]),
  )
  const outages = uplinks
    .flatMap(({ name, device, outages }) =>
      outages.map(outage => ({
        ...outage,
        name: outage.device === device ? name : `${name} (${outage.device ?? 'no device'})`,
      })),
    )
    .sort((a, b) => a.from - b.from)
  if (outages.length === 0) return output.line('', 'no outage')
  output.line('', plural(outages.length, 'outage'))
  await output.table(
    [{ title: 'from' }, { title: 'length', align: 'right' }, { title: 'uplink' }, { title: 'cause', spare: true }],
    outages.map(({ name, from, to, ms, reason }) => [
      ...[moment(from), `${duration(ms / 1000)}${to === null ? '+' : ''}`, name, reason],
    ]),
  )
  if (outages.some(({ to }) => to === null)) output.line('+ the end of this outage is not known')
}

function csv(uplinks: readonly UplinkReport[], rows: 'uplinks' | 'outages'): string[] {
  if (rows === 'outages') {
    const of = ({ name, outages }: UplinkReport) =>
      outages.map(({ device, from, to, ms, reason }) =>
        csvLine([name, device, iso(from), to === null ? null : iso(to), ms / 1000, reason]),
      )
    return ['uplink,device,from,to,seconds,cause', ...uplinks.flatMap(of)]
  }
  const of = (uplink: UplinkReport) => {
    const { name, device, availability, outages, upMs, degradedMs, downMs, forcedMs, unknownMs } = uplink
    const seconds = [upMs, degradedMs, downMs, forcedMs, unknownMs].map(ms => ms / 1000)
    const latencies = [uplink.p50Ms, uplink.p95Ms, uplink.p99Ms, uplink.jitterMs].map(ms => ms?.toFixed(3))
    return csvLine([name, device, availability, outages.length, ...seconds, uplink.lossRatio, ...latencies])
  }
  const heading =
    'uplink,device,availability,outages,upSeconds,degradedSeconds,downSeconds,forcedSeconds,unknownSeconds,lossRatio,p50Ms,p95Ms,p99Ms,jitterMs'
  return [heading, ...uplinks.map(of)]
}

const iso = (at: number) => new Date(at).toISOString()

/** To the second. The rounds of checks don't date an outage more precisely. */
const moment = (at: number) => iso(at).replace(/\.\d+Z$/, 'Z')

/** A ten-thousandth of a month is four minutes. */
function percent4(ratio: number | null): string {
  return ratio === null ? '-' : `${(Math.floor(ratio * 1e6) / 1e4).toFixed(4)}%`
}
