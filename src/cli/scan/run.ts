import { isIP } from '../../builtins.js'
import { monotonicNow } from '../../monotonic.js'
import { parseBlock } from '../../protocols/targets/address-block.js'
import type { PortResult, PortScan } from '../../scan/port-scan.js'
import { scanPorts } from '../../scan/scan-ports.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, worst } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf, type OutputFlags } from '../shared/options.js'
import { milliseconds, share } from '../shared/output/format.js'
import { ProgressLine } from '../shared/output/progress.js'
import type { Column } from '../shared/output/table.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { grepable } from './grepable.js'
import { grepableFile } from './grepable-file.js'

export interface ScanFlags extends PathFlags, FamilyFlags, OutputFlags {
  ports: string
  all?: boolean
  timeout: number
  retries?: number
  concurrency?: number
  grepable?: string
  rate?: number
}

export async function run(session: Session, flags: ScanFlags, hosts: readonly string[]): Promise<Exit> {
  const [host] = hosts
  if (hosts.length === 1 && isOneHost(host!)) return runHost(session, flags, host!)
  const { runHosts } = await import('./hosts.js')
  return runHosts(session, flags, hosts)
}

function isOneHost(target: string): boolean {
  return isIP(target) !== 0 || parseBlock(target, 'scan') === undefined
}

async function runHost(session: Session, flags: ScanFlags, host: string): Promise<Exit> {
  const { output, signal } = session
  const { ports, timeout, retries, concurrency, rate } = flags
  const started = monotonicNow()
  const paths = pathsOf(flags)
  const options = { ports, timeout, retries, concurrency, rate, family: familyOf(flags), signal }
  const scans: Scanned[] = paths.map(path => ({
    path,
    scan: scanPorts(host, { ...options, ...path.options }),
    results: [],
    failed: false,
  }))

  const follow = async (scanned: Scanned): Promise<Exit> => {
    const { path, scan, results } = scanned
    try {
      for await (const result of scan) {
        results.push(result)
        if (result.state === 'open' || flags.all) output.object('result', { host, ...path.label, ...result })
      }
    } catch (error) {
      if (!signal.aborted) {
        scanned.failed = true
        throw error
      }
    }
    output.object('summary', { host, ...path.label, ...counts(results) })
    return results.some(({ state }) => state === 'open') ? Exit.good : Exit.unreachable
  }
  const line = new ProgressLine(timeout)
  let exits: Exit[] = []
  await output.progress(
    columns => {
      const done = scans.reduce((sum, { results }) => sum + results.length, 0)
      const total = scans.reduce((sum, { scan }) => sum + scan.progress.total, 0)
      return line.draw(done, total, monotonicNow() - started, columns)
    },
    async () => {
      exits = await onEachPath(session, scans, follow)
    },
  )
  await writeGrepable(session, flags, host, scans)
  if (flags.grepable !== '-') await print(session, flags, host, scans, monotonicNow() - started)
  return worst(exits)
}

interface Scanned {
  path: ReturnType<typeof pathsOf>[number]
  scan: PortScan
  results: PortResult[]
  failed: boolean
}

async function writeGrepable(
  session: Session,
  { grepable: name, all = false }: ScanFlags,
  host: string,
  scans: readonly Scanned[],
): Promise<void> {
  const lines = scans.flatMap(({ path, results, failed }) => {
    return failed && results.length === 0 ? [] : grepable(path, host, results, all)
  })
  const file = grepableFile(session, name)
  for (const line of lines) file.write(line)
  await file.end()
}

/** One row for each port that is worth it, one column for each uplink. */
async function print(
  { output }: Session,
  { all, quiet, json }: ScanFlags,
  host: string,
  scans: readonly Scanned[],
  elapsedMs: number,
): Promise<void> {
  if (json) return
  const shown = new Set(
    scans.flatMap(({ results }) => results.filter(({ state }) => all || state === 'open').map(({ port }) => port)),
  )
  const ports = [...shown].sort((a, b) => a - b)
  if (quiet) {
    for (const port of ports) output.line(String(port))
    return
  }
  const { color } = output
  const paint = { open: color.green, closed: color.dim, filtered: color.yellow }
  const columns: Column[] = [
    { title: 'port', align: 'right' },
    ...scans.map(({ path }) => ({ title: scans.length > 1 ? path.name : 'state' })),
  ]
  const tables = scans.map(({ results }) => new Map(results.map(result => [result.port, result])))
  const cell = (result: PortResult | undefined) => {
    if (!result) return '-'
    const { state, rttMs, code } = result
    const time = rttMs === undefined ? '' : `  ${milliseconds(rttMs)}`
    return `${paint[state](state)}${time}${code === undefined ? '' : `  ${code}`}`
  }
  if (ports.length)
    await output.table(
      columns,
      ports.map(port => [String(port), ...tables.map(table => cell(table.get(port)))]),
    )
  for (const { path, scan, results, failed } of scans) {
    if (failed && results.length === 0) continue
    const { open, closed, filtered } = counts(results)
    const name = scans.length > 1 ? `${path.name}: ` : ''
    output.line(
      `${name}${host}: ${share(results.length, scan.progress.total, 'port')} in ${milliseconds(elapsedMs)}: ${open} open, ${closed} closed, ${filtered} filtered`,
    )
  }
}

function counts(results: readonly PortResult[]): Record<PortResult['state'], number> {
  const found = { open: 0, closed: 0, filtered: 0 }
  for (const { state } of results) found[state]++
  return found
}
