import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { NetviaError, shortened } from '../../errors.js'
import { chainOf, namesOf } from './certificate.js'
import type { ConnectTlsOptions } from './connect-tls.js'

/** How netvia describes a failure, without OpenSSL's own wording. */
interface Explanation {
  message: string
  hint?: string
}

/** Maximum number of names in a message. A certificate may have thousands. */
const shownNames = 5
/** Maximum length of text that the other end chose, in characters. */
const shownLength = 120

/** The error for a failed handshake, or for an alert after it. It has Node's own code. */
export function handshakeError(cause: NodeJS.ErrnoException, options: ConnectTlsOptions, address: string): NetviaError {
  return tlsError(cause.code ?? 'ERR_TLS', explainHandshake(cause, options), options, address, cause)
}

/** The error for a rejected certificate. Its code says what is wrong. */
export function certificateError(
  secure: TLSSocket,
  certificate: X509Certificate | undefined,
  identity: NodeJS.ErrnoException | undefined,
  options: ConnectTlsOptions,
  address: string,
): NetviaError {
  // If the caller's checkServerIdentity throws an error without a code, Node puts the message there instead.
  const code = identity ? (identity.code ?? 'ERR_TLS_CERT_ALTNAME_INVALID') : String(secure.authorizationError)
  const own = identity && options.checkServerIdentity
  const explanation = own ? { message: shortened(identity.message) } : explainCertificate(code, certificate, options)
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
  if (reason === undefined) return { message: shortened(cause.message) }
  if (/^(wrong version number|packet length too long|http request)$/.test(reason)) {
    return { message: 'the other end does not speak TLS', hint: 'is it the right port?' }
  }
  const alert = / alert (.+)$/.exec(reason)?.[1]
  if (alert === undefined) return { message: shortened(reason) }
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

/** The server's own certificate may be fine while one of its issuers has expired. */
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

/** A distinguished name, which may be missing, on one line. */
function oneLine(text: string | undefined): string {
  const line = (text ?? '').replaceAll('\n', ', ')
  if (line === '') return 'somebody without a name'
  return line.length > shownLength ? `${line.slice(0, shownLength)}…` : line
}
