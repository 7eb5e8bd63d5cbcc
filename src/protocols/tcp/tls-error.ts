import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { NetviaError } from '../../errors.js'
import { chainOf, namesOf } from './certificate.js'
import type { ConnectTlsOptions } from './connect-tls.js'

/** What is said of a failure, without OpenSSL's own words for it. */
interface Explanation {
  message: string
  hint?: string
}

/** Names that are listed in a message; a certificate may have thousands. */
const shownNames = 5
/** Of a text that a stranger chose, in characters. */
const shownLength = 120

/** A failed handshake, or an alert that came after it, by Node's own code. */
export function handshakeError(cause: NodeJS.ErrnoException, options: ConnectTlsOptions, address: string): NetviaError {
  return tlsError(cause.code ?? 'ERR_TLS', explainHandshake(cause, options), options, address, cause)
}

/** A certificate that is not accepted, by the code of what is wrong with it. */
export function certificateError(
  secure: TLSSocket,
  certificate: X509Certificate | undefined,
  identity: NodeJS.ErrnoException | undefined,
  options: ConnectTlsOptions,
  address: string,
): NetviaError {
  // Where the error of a caller's own checkServerIdentity has no code, Node gives its message in place of one.
  const code = identity ? (identity.code ?? 'ERR_TLS_CERT_ALTNAME_INVALID') : String(secure.authorizationError)
  const own = identity && options.checkServerIdentity
  const explanation = own ? { message: identity.message } : explainCertificate(code, certificate, options)
  return tlsError(code, explanation, options, address, identity)
}

function tlsError(
  code: string,
  { message, hint }: Explanation,
  { host: hostname, port, device }: ConnectTlsOptions,
  address: string,
  cause: NodeJS.ErrnoException | undefined,
): NetviaError {
  const where = `${hostname}, ${address}${device === undefined ? '' : ` on device ${device}`}`
  const text = `TLS handshake ${code}: ${message} (${where})`
  return new NetviaError(hint ? `${text}; ${hint}` : text, {
    ...{ code, errno: cause?.errno, syscall: 'TLS handshake', address, port, hostname, device, hint },
    ...(cause && { cause }),
  })
}

function explainHandshake(cause: NodeJS.ErrnoException, { cert, pfx, secureContext }: ConnectTlsOptions): Explanation {
  const reason = (cause as { reason?: string }).reason ?? /:SSL routines:[^:]*:([^:]+)/.exec(cause.message)?.[1]
  if (reason === undefined) return { message: cause.message }
  if (/^(wrong version number|packet length too long|http request)$/.test(reason)) {
    return { message: 'what answered does not speak TLS', hint: 'is it the right port?' }
  }
  const alert = / alert (.+)$/.exec(reason)?.[1]
  if (alert === undefined) return { message: reason }
  const identified = cert !== undefined || pfx !== undefined || secureContext !== undefined
  const aboutCertificate = /certificate|unknown ca|access denied/.test(alert)
  if (aboutCertificate && identified) {
    return { message: `the server does not accept the client certificate: ${alert}` }
  }
  if (aboutCertificate) {
    return { message: 'the server wants a client certificate', hint: 'give one as "cert" and "key"' }
  }
  const hint =
    alert === 'handshake failure' && !identified
      ? 'it may want a client certificate ("cert" and "key"), or have no TLS version or cipher in common'
      : undefined
  return { message: `the server ended the handshake: ${alert}`, hint }
}

function explainCertificate(
  code: string,
  certificate: X509Certificate | undefined,
  { host, servername }: ConnectTlsOptions,
): Explanation {
  if (!certificate) return { message: 'the server has no certificate' }
  const trust = 'give who signed it as "ca"'
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        message: `the certificate is for ${listed(namesOf(certificate))}, not for ${servername || host}`,
        hint: 'something else may have answered, such as a captive portal; if the server is right, give its name as "servername"',
      }
    case 'CERT_HAS_EXPIRED':
      return outOfDate(certificate, 'validTo', 'expired on', time => time < Date.now())
    case 'CERT_NOT_YET_VALID':
      return outOfDate(certificate, 'validFrom', 'is not valid before', time => time > Date.now())
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return { message: 'the certificate is self-signed', hint: trust }
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_UNTRUSTED':
      return { message: `nobody trusted here signed the certificate; ${signers(certificate)} did`, hint: trust }
    case 'CERT_REVOKED':
      return { message: 'the certificate was revoked' }
  }
  return { message: 'the certificate is not accepted' }
}

/** The server's own certificate may be fine, and one of those that vouch for it out of date. */
function outOfDate(
  leaf: X509Certificate,
  end: 'validFrom' | 'validTo',
  words: string,
  isOut: (time: number) => boolean,
): Explanation {
  const hint = "if it should be valid, check this machine's clock"
  const which = chainOf(leaf).find(certificate => isOut(new Date(certificate[end]).getTime())) ?? leaf
  const time = new Date(which[end])
  const when = Number.isNaN(time.getTime())
    ? 'an unreadable date'
    : time.toISOString().replace(/T(.*)\.000Z/, ' $1 UTC')
  const name =
    which === leaf ? 'the certificate' : `the certificate of ${oneLine(which.subject)}, which vouches for it,`
  return { message: `${name} ${words} ${when}`, hint }
}

function signers(leaf: X509Certificate): string {
  return oneLine(chainOf(leaf).at(-1)!.issuer)
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'no name at all'
  const more = names.length - shownNames
  return [...names.slice(0, shownNames).map(oneLine), ...(more > 0 ? [`${more} more`] : [])].join(', ')
}

/** Of a distinguished name, which may be missing. */
function oneLine(text: string | undefined): string {
  const line = (text ?? '').replaceAll('\n', ', ')
  if (line === '') return 'somebody without a name'
  return line.length > shownLength ? `${line.slice(0, shownLength)}…` : line
}
