import type { PingResult } from '../../protocols/icmp/result.js'
import type { Hop } from '../../protocols/traceroute/hop.js'
import { traceroute } from '../../protocols/traceroute/traceroute.js'
import { onEachPath } from '../shared/each-path.js'
import { Exit, exitOf, worst } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf } from '../shared/options.js'
import { digits } from '../shared/output/format.js'
import { type Path, type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'

export interface TraceFlags extends PathFlags, FamilyFlags {
  firstHop: number
  maxHops: number
  queries: number
  wait: number
  numeric?: boolean
  method: 'icmp' | 'udp' | 'tcp'
  port?: number
  watch?: boolean
  json?: boolean
}

interface Line {
  readonly path: Path
  readonly hops: Hop[]
}

export async function run(session: Session, flags: TraceFlags, host: string): Promise<Exit> {
  const { output, signal } = session
  const { firstHop, maxHops, queries, wait: timeout, method, port, numeric } = flags
  const options = {
    firstHop,
    maxHops,
    queries,
    timeout,
    method,
    port,
    names: !numeric,
    family: familyOf(flags),
    signal,
  }
  const lines = pathsOf(flags).map((path): Line => ({ path, hops: [] }))
  const side = lines.length > 1

  const follow = async ({ path, hops }: Line): Promise<Exit> => {
    try {
      for await (const hop of traceroute(host, { ...options, ...path.options })) {
        hops.push(hop)
        output.object('result', { host, ...path.label, ...hop })
        if (side) continue
        if (hops.length === 1) output.line(heading(host, path, hop, flags))
        output.line(`${String(hop.ttl).padStart(2)}  ${hopText(hop)}`)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const last = hops.at(-1)
    const reached = last?.reached ?? false
    const error = last?.address === undefined ? last?.probes.find(probe => probe.error)?.error : undefined
    output.object('summary', { host, ...path.label, reached, hops: hops.length })
    return reached ? Exit.good : error ? exitOf(error) : Exit.unreachable
  }
  let exits: Exit[] = []
  const work = async () => {
    exits = await onEachPath(session, lines, follow)
  }
  if (side) {
    const columns = [{ title: 'hop', align: 'right' as const }, ...lines.map(({ path }) => ({ title: path.name }))]
    await output.liveTable(columns, () => rows(lines, firstHop), work)
  } else {
    await work()
  }
  return worst(exits)
}

function heading(host: string, { options }: Path, { probes }: Hop, { maxHops, method }: TraceFlags): string {
  const through = options.device === undefined ? '' : ` through ${options.device}`
  return `trace to ${host} (${probes[0]!.address})${through}, ${maxHops} hops at most, ${method}`
}

/** Every probe in turn; who answered, where it differs from the one before. */
function hopText(hop: Hop): string {
  let previous: string | undefined
  let refusal: string | undefined
  const parts = hop.probes.flatMap(probe => {
    const { from, rttMs } = probe
    if (probe.outcome === 'send-failed') {
      if (probe.reason === refusal) return []
      refusal = probe.reason
      return `not sent: ${refusal}`
    }
    if (from === undefined) return '*'
    const who = from === previous ? '' : `${from === hop.address ? nameOf(hop) : from}  `
    previous = from
    return `${who}${digits(rttMs)} ms${mark(probe)}`
  })
  const labels = hop.labels?.map(({ label }) => label).join('/')
  return parts.join('  ') + (labels === undefined ? '' : `  [MPLS ${labels}]`)
}

function nameOf({ name, address }: Hop): string {
  return name === undefined ? address! : `${name} (${address})`
}

/** As traceroute's `!H` and the like, in words. */
function mark({ outcome, reason }: PingResult): string {
  return outcome === 'unreachable' ? ` !${reason}` : ''
}

function rows(lines: readonly Line[], firstHop: number): string[][] {
  const depth = Math.max(...lines.map(({ hops }) => hops.length))
  return Array.from({ length: depth }, (_, index) => [
    String(firstHop + index),
    ...lines.map(({ hops }) => (hops[index] ? bestText(hops[index]) : '')),
  ])
}

/** One cell: who, and the fastest probe. */
function bestText(hop: Hop): string {
  const { error } = hop.probes[0]!
  if (hop.address === undefined) return error ? `not sent: ${error.code}` : '*'
  const times = hop.probes.flatMap(({ rttMs }) => rttMs ?? [])
  return `${nameOf(hop)}  ${digits(Math.min(...times))} ms`
}
