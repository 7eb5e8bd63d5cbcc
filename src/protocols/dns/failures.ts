import { NetviaError } from '../../errors.js'
import type { RecordType } from './records.js'
import { type DnsServer, formatDnsServer } from './server-address.js'

/**
 * How name resolution fails, with the codes of Node's own `dns`. All have `syscall: 'resolve'`.
 * - `ENOTFOUND`: there is no such name (NXDOMAIN), or no address for it;
 * - `ENODATA`: the name exists, but not with records of the asked type;
 * - `EAI_AGAIN`: no server had an answer: each said SERVFAIL, REFUSED or something that is no answer;
 * - `ETIMEOUT`: no server answered in time;
 * - a system's code such as `ECONNREFUSED` or `ENETUNREACH`: no server could be reached.
 */
export function notFound(hostname: string, device: string | undefined, hint?: string): NetviaError {
  return dnsError('ENOTFOUND', 'no such name', { hostname, device, hint })
}

export function noData(hostname: string, type: RecordType, device: string | undefined): NetviaError {
  return dnsError('ENODATA', `the name has no ${type} record`, { hostname, device })
}

/** One server's failure. Its text is a phrase of the error that `noServerAnswered` makes. */
export function serverFailed(what: string, server: DnsServer): NetviaError {
  return new NetviaError(`${formatDnsServer(server)} says ${what}`, { code: 'EAI_AGAIN', ...server })
}

/** A name server that can't be asked. */
export interface UnusableServer {
  /** As it was written. */
  readonly text: string
  readonly why: string
  /** What to do about it. */
  readonly hint?: string
}

/** What is known if no server has answered. */
export interface Unanswered {
  readonly hostname: string
  readonly device: string | undefined
  /** What servers said, or how reaching them failed. */
  readonly failures: readonly NetviaError[]
  readonly silent: readonly DnsServer[]
  readonly unusable: readonly UnusableServer[]
}

/** No server answered: what each did, with the most informative code. An answer says more than silence. */
export function noServerAnswered(
  { hostname, device, failures, silent, unusable }: Unanswered,
  code?: string,
): NetviaError {
  const silence = silent.length > 0 ? [noAnswer(silent)] : []
  const skipped = unusable.map(({ text, why, hint }) => {
    return new NetviaError(`${text} ${why}`, { code: 'ENETUNREACH', hint })
  })
  const all = [...failures, ...silence, ...skipped]
  const found = all.find(({ code }) => code === 'EAI_AGAIN') ?? silence[0] ?? all[0]
  if (!found) return notInTime(hostname, device)
  const phrases = [...new Set(all.map(({ message }) => message))]
  const more = phrases.length > maxPhrases ? [`${phrases.length - maxPhrases} more failed`] : []
  const { errno, address, port, hint = skipped[0]?.hint } = found
  return dnsError(code ?? codeOf(found), [...phrases.slice(0, maxPhrases), ...more].join(', '), {
    ...{ hostname, device, errno, address, port, hint },
    cause: all.length === 1 ? found.cause : new AggregateError(all, 'no name server gave an answer'),
  })
}

/** A time limit that was over before any server had been asked. */
export function notInTime(hostname: string, device: string | undefined): NetviaError {
  return dnsError('ETIMEOUT', 'no answer in time', { hostname, device })
}

/** A long list of servers makes many. */
const maxPhrases = 4

function noAnswer(servers: readonly DnsServer[]): NetviaError {
  return new NetviaError(`no answer from ${servers.map(formatDnsServer).join(' or ')}`, {
    code: 'ETIMEOUT',
    ...servers[0]!,
  })
}

/** If a server's address does not suit the path, the call is not wrong: the next look-up may find other servers. */
function codeOf({ code, syscall }: NetviaError): string {
  const unsuited = ['ERR_ADDRESS_FAMILY', 'ERR_INVALID_ARG_VALUE', 'EAFNOSUPPORT', 'EINVAL']
  if (unsuited.includes(code) || (code === 'EADDRNOTAVAIL' && syscall === 'connect')) return 'ENETUNREACH'
  // Of ICMP errors "prohibited" reads as EACCES, and a malformed header as EPROTO.
  return syscall === 'recvmmsg' && !['ECONNREFUSED', 'ENETUNREACH'].includes(code) ? 'EHOSTUNREACH' : code
}

interface Where {
  hostname: string
  device: string | undefined
  errno?: number
  address?: string
  port?: number
  hint?: string
  cause?: unknown
}

function dnsError(code: string, message: string, where: Where): NetviaError {
  const text = `resolve ${code}: ${message} (${where.hostname}${where.device ? ` on device ${where.device}` : ''})`
  return new NetviaError(where.hint ? `${text}; ${where.hint}` : text, { code, syscall: 'resolve', ...where })
}

/** Failures that another server or another try may avoid. Anything else is a local error and ends the look-up. */
const worthAnotherTry = new Set([
  'EAI_AGAIN',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ERR_ADDRESS_FAMILY',
  // The zone of a device that isn't there.
  'ERR_INVALID_ARG_VALUE',
  'EINVAL',
  'EACCES',
  'ENOBUFS',
  'EMSGSIZE',
])

export function isWorthAnotherTry(error: unknown): error is NetviaError {
  if (!(error instanceof NetviaError)) return false
  // A packet filter's refusal to send reads as EPERM too.
  return worthAnotherTry.has(error.code) || (error.code === 'EPERM' && error.syscall === 'sendmmsg')
}
