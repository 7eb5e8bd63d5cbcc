import type { LineReport } from '../../line/inspect-line.js'
import { milliseconds } from '../shared/output/format.js'
import { rateEvidence, rateRows } from './rate-rows.js'

/** One row for each thing that is known, with a cell for each line. */
export function rows(reports: readonly LineReport[]): string[][] {
  const all = facts.map(([title, cell]) => [title, ...reports.map(report => cell(report) ?? '-')])
  return all.filter(([, ...cells]) => cells.some(cell => cell !== '-'))
}

const facts: readonly (readonly [string, (report: LineReport) => string | undefined])[] = [
  ['own addresses', ({ addresses }) => addresses.join('\n') || undefined],
  ['public address', ({ nat }) => nat && (nat.ok ? nat.publicAddress : 'unknown')],
  ['public port', ({ nat }) => (nat?.ok ? `${nat.localPort} -> ${nat.publicPort}` : undefined)],
  ['translated', ({ nat }) => (nat?.ok ? (nat.translated ? 'yes' : 'no') : undefined)],
  ['NAT mapping', ({ nat }) => (nat?.ok ? nat.mapping.behaviour : undefined)],
  ['NAT filtering', ({ nat }) => (nat?.ok ? nat.filtering.behaviour : undefined)],
  ['STUN round trip', ({ nat }) => (nat?.ok ? milliseconds(nat.rttMs) : undefined)],
  ['carrier NAT', ({ carrierNat }) => carrierNat.verdict],
  ['captive portal', ({ captivePortal }) => captivePortal?.verdict],
  ['DNS tampering', ({ dnsTampering }) => dnsTampering.verdict],
  ['path MTU', ({ pathMtu }) => pathMtu && String(pathMtu.mtu ?? 'unknown')],
  ...rateRows,
]

/** What each verdict rests on. */
export function evidenceOf({ nat, carrierNat, captivePortal, dnsTampering, pathMtu, rate }: LineReport): string[] {
  const evidence: [string, string | undefined][] = [
    ['NAT', nat?.error?.message],
    ['NAT mapping', nat?.ok ? nat.mapping.evidence : undefined],
    ['NAT filtering', nat?.ok ? nat.filtering.evidence : undefined],
    ['carrier NAT', carrierNat.evidence],
    ['captive portal', captivePortal?.evidence],
    ['DNS tampering', dnsTampering.evidence],
    ['path MTU', pathMtu?.evidence],
    ...rateEvidence(rate),
  ]
  return evidence.flatMap(([title, text]) => (text === undefined ? [] : [`${title}: ${text}`]))
}
