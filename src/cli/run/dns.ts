import { checkDns, type DnsCheckResult } from '../../checks/check-dns.js'
import { invalidArgument } from '../../errors.js'
import type { DnsRecord } from '../../protocols/dns/records.js'
import type { DnsFlags } from '../commands/dns.js'
import { Exit } from '../exit-code.js'
import { milliseconds } from '../output/format.js'
import { pathsOf } from '../path-options.js'
import type { Session } from '../session.js'
import { compare } from './compare.js'

export async function run(session: Session, flags: DnsFlags, given: string[]): Promise<Exit> {
  const { color } = session.output
  const names = given.filter(word => !word.startsWith('@'))
  if (names.length === 0) throw invalidArgument('dns: name', given.join(' '), 'given besides the server')
  const servers = [...(flags.server ?? []), ...given.filter(word => word.startsWith('@')).map(word => word.slice(1))]
  const { type, timeout, expect } = flags
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
    cells: ({ ok, latencyMs, server, answers }) => [
      milliseconds(latencyMs),
      server ?? '-',
      answers.map(({ ttl }) => String(ttl)).join('\n') || '-',
      answers.map(answer => ('address' in answer ? answer.address : dataText(answer.data))).join('\n') ||
        color.red(ok ? '-' : 'failed'),
    ],
    tookMs: ({ ok, latencyMs }) => (ok ? latencyMs : undefined),
    trouble: ({ error }) => error,
    exit: dnsExit,
  })
}

/** Here the name server is what is asked: its silence is "unreachable", not "a name not found". */
function dnsExit({ code }: NodeJS.ErrnoException): Exit {
  return code === 'ENOTFOUND' || code === 'ENODATA' ? Exit.notFound : Exit.unreachable
}

function dataText(data: DnsRecord['data']): string {
  if (typeof data === 'string') return data
  // The strings of one TXT record are one text.
  if (Array.isArray(data)) return data.join('')
  return Object.values(data)
    .map(value => (Buffer.isBuffer(value) ? value.toString('base64') : String(value)))
    .join(' ')
}
