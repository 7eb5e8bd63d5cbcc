import { isIP } from '../../builtins.js'
import { checkDns, type DnsCheckResult } from '../../checks/check-dns.js'
import type { DnsRecord, RecordData, RecordType } from '../../protocols/dns/records.js'
import { usageError } from '../shared/arguments.js'
import { compare } from '../shared/compare.js'
import { type Exit, exitOf } from '../shared/exit-code.js'
import type { OutputFlags } from '../shared/options.js'
import { escapeControls } from '../shared/output/escape.js'
import { milliseconds } from '../shared/output/format.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { queryArguments } from './query-arguments.js'

export interface DnsFlags extends PathFlags, OutputFlags {
  type?: RecordType
  reverse?: boolean
  count: number
  timeout: number
  port?: number
  server?: string[]
  expect?: string[]
}

export async function run(session: Session, flags: DnsFlags, given: string[]): Promise<Exit> {
  const { color } = session.output
  const { names, types, servers: named, short } = queryArguments(given, flags.reverse ? 'PTR' : flags.type, flags.port)
  const servers = [...(flags.server ?? []), ...named]
  if (names.length === 0) throw usageError('dns: a name is needed')
  if (flags.reverse && !names.every(isIP)) throw usageError('dns: -x/--reverse takes addresses')
  const [type = 'A', ...others] = types
  if (others.length) throw usageError(`dns: one record type at a time; got ${types.join(' and ')}`)
  const { timeout, expect } = flags
  const options = { type, timeout, expect, servers: servers.length ? servers : undefined, signal: session.signal }
  return compare<DnsCheckResult>(session, flags, names, pathsOf(flags), {
    subject: 'name',
    columns: [
      { title: 'time', align: 'right' },
      { title: 'server', spare: true },
      { title: 'ttl', align: 'right', spare: true },
      { title: type },
    ],
    measure: (name, path) => checkDns(name, { ...options, ...path.options }),
    ...(short && { bare: ({ answers }: DnsCheckResult) => answers.map(answer => escapeControls(answerText(answer))) }),
    cells: ({ ok, latencyMs, server, answers }) => [
      milliseconds(latencyMs),
      server ?? '-',
      answers.length ? answers.map(({ ttl }) => String(ttl)) : '-',
      answers.length ? answers.map(answerText) : color.red(ok ? '-' : 'failed'),
    ],
    tookMs: ({ ok, latencyMs }) => (ok ? latencyMs : undefined),
    trouble: ({ error }) => error,
    exit: exitOf,
  })
}

function answerText(answer: DnsCheckResult['answers'][number]): string {
  return 'address' in answer ? answer.address : dataText(answer.data)
}

function dataText(data: DnsRecord['data']): string {
  if (typeof data === 'string') return data
  // The strings of one TXT record are one text.
  if (Array.isArray(data)) return data.join('')
  if ('target' in data && !('weight' in data)) return bindingText(data)
  return Object.values(data)
    .map(value => (Buffer.isBuffer(value) ? value.toString('base64') : String(value)))
    .join(' ')
}

/** In the words of RFC 9460 section 2.1. */
function bindingText({ priority, target, noDefaultAlpn, others, ...named }: RecordData['HTTPS']): string {
  const text = (value: unknown) => (Buffer.isBuffer(value) ? value.toString('base64') : String(value))
  const parameters = Object.entries(named).map(([key, value]) => `${key}=${text(value)}`)
  const unknown = Object.entries(others ?? {}).map(([key, value]) => `key${key}=${text(value)}`)
  return [priority, target, ...parameters, ...(noDefaultAlpn ? ['no-default-alpn'] : []), ...unknown].join(' ')
}
