import { type InspectLineOptions, inspectLine, type LineReport } from '../../line/inspect-line.js'
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
  }
  const lines = pathsOf(flags).map(path => ({ path, report: undefined as LineReport | undefined }))
  const exits = await onEachPath(session, lines, async line => {
    line.report = await inspectLine({ ...options, ...line.path.options })
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

/** A verdict is a result, whatever it says. That nothing could be measured is none. */
function exitOfReport({ nat, captivePortal, pathMtu }: LineReport): Exit {
  if (nat?.ok === false) return exitOf(nat.error)
  const isUnknown = captivePortal?.verdict === 'unknown' || (pathMtu && pathMtu.mtu === undefined)
  return isUnknown ? Exit.unreachable : Exit.good
}
