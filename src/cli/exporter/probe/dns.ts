import { monotonicNow } from '../../../monotonic.js'
import type { DnsModule } from '../config/modules.js'
import { chooseAddress } from './address.js'
import { hostAndPort } from './connection.js'
import { exchangeDns } from './dns-exchange.js'
import { judgeRecords } from './dns-patterns.js'
import { Failed, type Probe } from './probe.js'

export async function probeDns(probe: Probe, module: DnsModule = { query_name: '' }): Promise<void> {
  const { target, metrics, log } = probe
  const phase = (phase: string, ms: number) =>
    metrics.add('probe_dns_duration_seconds', 'Duration of the question by phase', ms / 1000, { phase })
  const set = (name: string, help: string, value: number) => metrics.set(`probe_dns_${name}`, help, value)
  const count = (answers: number, authorities: number, additionals: number) => {
    set('answer_rrs', 'Records in the answer section', answers)
    set('authority_rrs', 'Records in the authority section', authorities)
    set('additional_rrs', 'Records in the additional section', additionals)
  }
  for (const name of ['resolve', 'connect', 'request']) phase(name, 0)
  count(0, 0, 0)
  set('query_succeeded', 'Whether the question was answered', 0)
  const split = hostAndPort(target)
  const port = split?.port ?? (module.dns_over_tls ? 853 : 53)
  const host = split?.host ?? target
  const { address, lookupTime } = await chooseAddress(host, module, probe)
  phase('resolve', lookupTime * 1000)
  const start = monotonicNow()
  const { rcode, answers, authorities, additionals, requestMs } = await exchangeDns(probe, module, {
    host,
    address,
    port,
  })
  phase('connect', monotonicNow() - start - requestMs)
  phase('request', requestMs)
  log('The name server answered', { rcode })
  set('query_succeeded', 'Whether the question was answered', 1)
  count(answers.length, authorities.length, additionals.length)
  if (module.query_type === 'SOA') {
    const soa = answers.findLast(({ type }) => type === 'SOA')
    const serial = (soa as { data?: { serial?: number } } | undefined)?.data?.serial
    set('serial', 'Serial number of the zone', serial ?? 0)
  }
  const { valid_rcodes = ['NOERROR'] } = module
  if (!valid_rcodes.includes(rcode)) throw new Failed(`the answer is ${rcode}`)
  for (const [records, rules] of [
    [answers, module.validate_answer_rrs],
    [authorities, module.validate_authority_rrs],
    [additionals, module.validate_additional_rrs],
  ] as const) {
    await judgeRecords(records, rules, probe)
  }
}
