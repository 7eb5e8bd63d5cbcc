import { checkHttp } from '../../checks/http/check-http.js'
import type { HttpCheckResult } from '../../checks/http/result.js'
import { publicUrl } from '../../checks/public-url.js'
import { compare } from '../shared/compare.js'
import { type Exit, exitOf } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf, type OutputFlags } from '../shared/options.js'
import { milliseconds, plural } from '../shared/output/format.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import { readPipedFile } from '../shared/piped-file.js'
import type { Session } from '../shared/session.js'
import { checkFormat, written } from './write-out.js'

export interface HttpFlags extends PathFlags, FamilyFlags, OutputFlags {
  request?: string
  header?: [name: string, value: string][]
  count: number
  timeout: number
  expectStatus: [number, number]
  expectBody?: string
  maxRedirects: number
  data?: string
  userAgent?: string
  writeOut?: string
  verbose?: boolean
  silent?: boolean
  showError?: boolean
  connectTimeout?: number
  resolve?: [target: string, address: string][]
  insecure?: boolean
  cacert?: string
  server?: string[]
}

export async function run(session: Session, flags: HttpFlags, urls: string[]): Promise<Exit> {
  const { color } = session.output
  const { writeOut, verbose, data } = flags
  if (writeOut !== undefined) checkFormat(writeOut)
  const read = (file: string) => readPipedFile(file, session.signal, flags.timeout)
  const body = data?.startsWith('@') ? await read(data.slice(1)) : data
  const ca = flags.cacert === undefined ? undefined : await read(flags.cacert)
  const options = {
    method: flags.request ?? (body === undefined ? undefined : 'POST'),
    headers: headersOf(flags, body),
    body,
    connectTimeout: flags.connectTimeout,
    addresses: flags.resolve && Object.fromEntries(flags.resolve),
    timeout: flags.timeout,
    expectStatus: flags.expectStatus,
    expectBody: flags.expectBody,
    maxRedirects: flags.maxRedirects,
    family: familyOf(flags),
    servers: flags.server,
    tls: { ca, rejectUnauthorized: !flags.insecure },
    signal: session.signal,
  }
  const time = (title: string) => ({ title, align: 'right' as const })
  return compare<HttpCheckResult>(session, flags, urls, pathsOf(flags), {
    subject: 'url',
    shown: publicUrl,
    columns: [
      { title: 'status' },
      ...['dns', 'connect', 'tls', 'first byte', 'total'].map(time),
      { title: 'server', spare: true },
      { title: 'certificate', spare: true },
    ],
    measure: (url, path) => checkHttp(url, { ...options, ...path.options }),
    ...(writeOut !== undefined && {
      bare: (result: HttpCheckResult, url: string) => [written(writeOut, result, url)],
    }),
    ...(verbose && { details }),
    cells: ({ ok, status, timings, remoteAddress, certificate }) => [
      (ok ? color.green : color.red)(String(status ?? 'failed')),
      ...[timings.dnsMs, timings.connectMs, timings.tlsMs, timings.firstByteMs, timings.totalMs].map(part),
      remoteAddress ?? '-',
      certificate ? `${certificate.daysLeft} days` : '-',
    ],
    tookMs: ({ ok, timings }) => (ok ? timings.totalMs : undefined),
    trouble: ({ error }) => error,
    explain,
    exit: exitOf,
  })
}

/** The library's hints name its own options. */
function explain({ message, hint = '' }: Error & { hint?: string }, { captivePortal }: HttpCheckResult): string {
  const known = hint.includes('"ca"') ? '; --cacert names who signed it, -k accepts any' : ''
  const text = hint.includes('"') ? message.replace(`; ${hint}`, known) : message
  if (!captivePortal) return text
  const { evidence, host } = captivePortal
  return `${text}; this looks like a captive portal${host && evidence === 'redirect' ? ` at ${host}` : ''}`
}

/** Parts there was no need for take no time. */
function part(took: number | undefined): string {
  return took === 0 ? '-' : milliseconds(took)
}

/** What -v adds to the table. */
function details(result: HttpCheckResult): string[] {
  const { localAddress, remoteAddress, device, certificate, redirects, bytes } = result
  const connection = remoteAddress && `from ${localAddress} to ${remoteAddress}${device ? `, bound to ${device}` : ''}`
  return [
    ...(connection ? [connection] : []),
    ...(certificate
      ? [`certificate of ${certificate.names?.join(', ') || certificate.subject}, valid until ${certificate.validTo}`]
      : []),
    `${plural(redirects, 'redirect')}, ${plural(bytes, 'byte')} of the body`,
  ]
}

/** A field given twice is sent twice. A body without a type is a form, as with curl. */
function headersOf({ header: given = [], userAgent }: HttpFlags, body: unknown): Record<string, string[]> {
  const headers = new Map<string, string[]>()
  if (body !== undefined) headers.set('content-type', ['application/x-www-form-urlencoded'])
  if (given.some(([name]) => name.toLowerCase() === 'content-type')) headers.delete('content-type')
  if (userAgent !== undefined) headers.set('user-agent', [userAgent])
  for (const [name, value] of given)
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value])
  return Object.fromEntries(headers)
}
