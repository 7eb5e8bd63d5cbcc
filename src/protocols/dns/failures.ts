import { getSystemErrorName } from 'node:util'
import { NetviaError } from '../../errors.js'
import { deviceDown } from '../../system/device-down.js'
import type { RecordType } from './records.js'
import { type DnsServer, formatDnsServer } from './server-address.js'

/**
 * How name resolution fails, with the codes of Node's own `dns`. All have `syscall: 'resolve'`.
 * - `ENOTFOUND`: there is no such name (NXDOMAIN), or no address for it;
 * - `ENODATA`: the name exists, but not with records of the asked type;
 * - `EAI_AGAIN`: no server had an answer: each said SERVFAIL, REFUSED or something that is no answer;
 * - `ETIMEOUT`: no server answered in time;
 * - a system's code such as `ECONNREFUSED` or `ENETUNREACH`: no server could be reached;
 * - `EACCES`, `EISDIR`, …: /etc/resolv.conf can't be read, and no server of this machine itself answered.
 */
export function notFound(hostname: string, device: string | undefined, hint?: string): NetviaError {
  return dnsError('ENOTFOUND', 'no such name', { hostname, device, hint })
}

export function noData(hostname: string, type: RecordType, device: string | undefined): NetviaError {
  return dnsError('ENODATA', `the name has no ${type} record`, { hostname, device })
}

/** The failure of one server. Its text is a phrase in the error that `noServerAnswered` creates. */
export function serverFailed(what: string, server: DnsServer): NetviaError {
  return new NetviaError(`${formatDnsServer(server)} says ${what}`, { code: 'EAI_AGAIN', ...server })
}

/** A name server that can't be asked, or the file with all of them. */
export interface UnusableServer {
  /** The server as you passed it; the name of the file. */
  readonly text: string
  readonly why: string
  /** What to do about it. */
  readonly hint?: string
  /** The server, if the caller named one that a device can't reach because it is this machine's own. */
  readonly ownAddress?: string
  /** Why the file can't be read, negative. */
  readonly errno?: number
}

/** The facts for an error if no server has answered. */
export interface Unanswered {
  readonly hostname: string
  readonly device: string | undefined
  /** The answers of servers, or why they could not be reached. */
  readonly failures: readonly NetviaError[]
  readonly silent: readonly DnsServer[]
  readonly unusable: readonly UnusableServer[]
}

/**
 * The error if no server answered, with the result of each and the most informative code. An answer says more than silence.
 */
export function noServerAnswered(
  { hostname, device, failures, silent, unusable }: Unanswered,
  code?: string,
): NetviaError {
  // The kernel can't repeat a question from an address that is gone. A router's report is received instead.
  const isUnsent = ({ code, syscall }: NetviaError) => code === 'ENETUNREACH' && syscall !== 'recvmmsg'
  const asked = silent.length > 0 ? silent : failures.filter(isUnsent)
  const addresses = asked.map(({ address }) => address)
  const down = asked[0] && deviceDown('recvmsg', { address: addresses[0], port: asked[0].port, device }, addresses)
  const silence = down ? [down] : silent.length > 0 ? [noAnswer(silent)] : []
  const skipped = unusable.map(({ text, why, hint, ownAddress: address, errno }) => {
    const code = errno === undefined ? (address ? 'ERR_OFF_PATH' : 'ENETUNREACH') : getSystemErrorName(errno)
    return new NetviaError(`${text} ${why}`, { code, errno, address, hint })
  })
  const all = [...failures, ...silence, ...skipped]
  const unread = skipped.find(({ errno }) => errno !== undefined)
  const found = all.find(({ code }) => code === 'EAI_AGAIN') ?? unread ?? silence[0] ?? all[0]
  if (!found) return notInTime(hostname, device)
  const phrases = [...new Set(all.map(({ message }) => message))]
  const more = phrases.length > maxPhrases ? [`${phrases.length - maxPhrases} more failed`] : []
  const { errno, address, port, hint = skipped[0]?.hint } = found
  return dnsError(
    found === down ? found.code : (code ?? codeOf(found)),
    [...phrases.slice(0, maxPhrases), ...more].join(', '),
    {
      ...{ hostname, device, errno, address, port, hint },
      cause: all.length === 1 ? found.cause : new AggregateError(all, 'no name server gave an answer'),
    },
  )
}

/** A time limit that expired before any server was asked. */
export function notInTime(hostname: string, device: string | undefined): NetviaError {
  return dnsError('ETIMEOUT', 'no answer in time', { hostname, device })
}

/** A long list of servers would make a long message. */
const maxPhrases = 4

function noAnswer(servers: readonly DnsServer[]): NetviaError {
  return new NetviaError(`no answer from ${servers.map(formatDnsServer).join(' or ')}`, {
    code: 'ETIMEOUT',
    ...servers[0]!,
  })
}

/** What the kernel makes of ICMP errors that say why a host can't be reached: it is unknown, isolated, has no such protocol, … */
export const hostErrors = ['EHOSTDOWN', 'ENONET', 'ENOPROTOOPT', 'ENOTSUP', 'EPROTO']

/** If a server's address doesn't suit the path, the call itself is not wrong: the next look-up may use other servers. */
function codeOf({ code, syscall }: NetviaError): string {
  const unsuited = ['ERR_ADDRESS_FAMILY', 'ERR_INVALID_ARG_VALUE', 'EAFNOSUPPORT', 'EINVAL']
  if (unsuited.includes(code) || (code === 'EADDRNOTAVAIL' && syscall === 'connect')) return 'ENETUNREACH'
  // The kernel reports the ICMP error "prohibited" as EACCES.
  const isReport = syscall === 'recvmmsg' && !['ECONNREFUSED', 'ENETUNREACH'].includes(code)
  return isReport || hostErrors.includes(code) ? 'EHOSTUNREACH' : code
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
  // The zone is a device that doesn't exist.
  'ERR_INVALID_ARG_VALUE',
  'ERR_OFF_PATH',
  'EINVAL',
  'EACCES',
  'ENOBUFS',
  'EMSGSIZE',
  ...hostErrors,
])

export function isWorthAnotherTry(error: unknown): error is NetviaError {
  if (!(error instanceof NetviaError)) return false
  // The kernel also reports EPERM if a packet filter refuses the packet.
  return worthAnotherTry.has(error.code) || (error.code === 'EPERM' && error.syscall === 'sendmmsg')
}
