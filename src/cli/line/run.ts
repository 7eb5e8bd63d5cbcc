import { type InspectLineOptions, inspectLine, type LineReport } from '../../line/inspect-line.js'
import { SerialQueue } from '../../runtime/serial-queue.js'
import { tokenOf } from '../monitor/web/access.js'
import { usageError } from '../shared/arguments.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, exitOf, worst } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf, type OutputFlags } from '../shared/options.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { evidenceOf, rows } from './rows.js'
import { type ServeFlags, serve } from './serve.js'

export interface LineFlags extends PathFlags, FamilyFlags, OutputFlags, ServeFlags {
  stun?: string
  portal?: string
  portalStatus?: number
  mtu?: string
  dnsServer?: string[]
  absentDomain?: string
  dnsName?: string
  dnsReference?: string
  serve?: boolean
  server?: string
  tokenFile?: string
  duration?: number
  maxBytes?: number
  connections?: number
  timeout: number
}

export async function run(session: Session, flags: LineFlags): Promise<Exit> {
  if (flags.serve) return serve(session, flags)
  if (flags.listen || flags.port !== undefined) throw usageError('--listen and --port need --serve')
  const { output, signal } = session
  const options: InspectLineOptions = {
    ...{ stun: flags.stun, portal: flags.portal, expectStatus: flags.portalStatus, mtuHost: flags.mtu },
    ...{ servers: flags.dnsServer, absentDomain: flags.absentDomain, name: flags.dnsName },
    ...{ reference: flags.dnsReference, family: familyOf(flags), timeout: flags.timeout, signal },
    ...rateOptions(flags),
  }
  const lines = pathsOf(flags).map(path => ({ path, report: undefined as LineReport | undefined }))
  const turns = new SerialQueue()
  const exits = await onEachPath(session, lines, async line => {
    const inspect = () => inspectLine({ ...options, ...line.path.options })
    // A load would show in what is measured of the other lines.
    line.report = await (flags.server === undefined ? inspect() : turns.run(inspect))
    output.object('result', line.report)
    return exitOfReport(line.report)
  })
  const known = lines.flatMap(({ path, report }) => (report ? [{ name: path.name, report }] : []))
  if (known.length && !flags.quiet) {
    const columns = [{ title: 'uplink' }, ...known.map(({ name }) => ({ title: name }))]
    await output.table(columns, rows(known.map(({ report }) => report)))
    for (const { name, report } of known) {
      for (const text of evidenceOf(report)) output.line(`${output.color.bold(name)} ${text}`)
    }
  }
  return worst(exits)
}

/** The rate is measured only with --server. */
function rateOptions({ server, tokenFile, duration, maxBytes, connections }: LineFlags): Partial<InspectLineOptions> {
  if (server !== undefined) {
    const token = tokenOf(tokenFile, process.env)
    if (token === undefined) throw usageError('--server needs the token of the server: --token-file, or NETVIA_TOKEN')
    return { server, token, duration, maxBytes, connections }
  }
  const given = {
    '--token-file': tokenFile,
    '--duration': duration,
    '--max-bytes': maxBytes,
    '--connections': connections,
  }
  const [name] = Object.entries(given).find(([, value]) => value !== undefined) ?? []
  if (name !== undefined) throw usageError(`${name} is for --server: give that too`)
  return {}
}

/** A verdict is a result, whatever it says. That nothing could be measured is none. */
function exitOfReport({ nat, captivePortal, pathMtu, rate }: LineReport): Exit {
  if (nat?.ok === false) return exitOf(nat.error)
  if (rate?.ok === false) return exitOf(rate.error)
  const isUnknown = captivePortal?.verdict === 'unknown' || (pathMtu && pathMtu.mtu === undefined)
  return isUnknown ? Exit.unreachable : Exit.good
}
