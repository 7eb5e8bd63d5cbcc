import { NetviaError } from '../../errors.js'
import { isLocal } from './configuration.js'
import type { RecordType } from './records.js'
import { type DnsServer, formatDnsServer } from './server-address.js'

/**
 * How name resolution fails, with the codes Node's own `dns` has for it:
 * - `ENOTFOUND`: there is no such name (NXDOMAIN), or no address for it;
 * - `ENODATA`: the name exists, but not with records of the asked type;
 * - `EAI_AGAIN`: no server could tell: each said SERVFAIL, REFUSED or something that is no answer;
 * - `ETIMEOUT`: no server answered in time;
 * - a system's code such as `ECONNREFUSED` or `ENETUNREACH`: no server could be reached.
 */
export function notFound(hostname: string, device: string | undefined, hint?: string): NetviaError {
  return dnsError('ENOTFOUND', 'no such name', { hostname, device, hint })
}

export function noData(hostname: string, type: RecordType, device: string | undefined): NetviaError {
  return dnsError('ENODATA', `the name has no ${type} record`, { hostname, device })
}

export function serverFailed(
  hostname: string,
  what: string,
  server: DnsServer,
  device: string | undefined,
): NetviaError {
  return dnsError('EAI_AGAIN', `${formatDnsServer(server)} says ${what}`, { hostname, device, ...server })
}

export function noAnswer(hostname: string, server: DnsServer | undefined, device: string | undefined): NetviaError {
  const message = `no answer${server ? ` from ${formatDnsServer(server)}` : ' in time'}`
  return dnsError('ETIMEOUT', message, { hostname, device, ...server })
}

interface Where {
  hostname: string
  device: string | undefined
  address?: string
  port?: number
  hint?: string
}

function dnsError(code: string, message: string, where: Where): NetviaError {
  const text = `resolve ${code}: ${message} (${where.hostname}${where.device ? ` on device ${where.device}` : ''})`
  return new NetviaError(where.hint ? `${text}; ${where.hint}` : text, { code, syscall: 'resolve', ...where })
}

/** What another server or another try may do better. Anything else is wrong on this machine and ends the matter. */
const worthAnotherTry = new Set([
  'EAI_AGAIN',
  'ETIMEOUT',
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

/** The failure that says most: an answer before silence, silence before a server that could not even be asked. */
export function mostTelling(
  failures: readonly NetviaError[],
  hostname: string,
  path: { device?: string },
): NetviaError {
  const found =
    failures.find(({ code }) => code === 'EAI_AGAIN') ??
    failures.find(({ code }) => code === 'ETIMEOUT') ??
    failures[0]!
  const loopback = path.device !== undefined && path.device !== 'lo' && failures.every(isLocal)
  const { code, errno, address, port, device } = found
  const hint = loopback
    ? `the name servers are this machine's own, not reachable by device ${path.device}: give servers that are`
    : found.hint
  const message = found.syscall === 'resolve' ? found.message : `resolve ${hostname}: ${found.message}`
  return new NetviaError(loopback ? `${message}; ${hint}` : message, {
    ...{ code, errno, syscall: 'resolve', address, port, device, hostname, hint },
    cause: failures.length === 1 ? found.cause : new AggregateError(failures, 'no name server gave an answer'),
  })
}
