import type { X509Certificate } from 'node:crypto'
import { isIP } from '../../builtins.js'

/** What matters of a server's certificate (RFC 5280). */
export interface CertificateFacts {
  /**
   * Distinguished name (RFC 4514's order reversed, as OpenSSL prints it): `CN=example.org`. Empty where the certificate has
   * none, which is legal: the names are what counts.
   */
  subject: string
  /** The names and addresses it is for: its subjectAltName, or the common name where it has none (RFC 9525). */
  names: readonly string[]
  /** Its first second. */
  validFrom: Date
  /** Its last second. */
  validTo: Date
  /** Whole days from now until then; negative once it has expired. */
  daysLeft: number
}

const day = 24 * 60 * 60 * 1000

/** Undefined where the dates can't be read. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts | undefined {
  const validFrom = new Date(certificate.validFrom)
  const validTo = new Date(certificate.validTo)
  if (Number.isNaN(validFrom.getTime()) || Number.isNaN(validTo.getTime())) return undefined
  // Node's types promise a text, but there is none where the field is missing or empty.
  const subject = (certificate.subject as string | undefined) ?? ''
  const daysLeft = Math.floor((validTo.getTime() - Date.now()) / day)
  return { subject: subject.replaceAll('\n', ', '), names: namesOf(certificate), validFrom, validTo, daysLeft }
}

export function namesOf({ subject, subjectAltName }: X509Certificate): string[] {
  const alternatives = (subjectAltName as string | undefined) ?? ''
  // Node quotes a name that holds what could be mistaken for the next one (CVE-2021-44532).
  const found = [...alternatives.matchAll(/(?:^|, )(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g)]
  if (found.length > 0) return found.map(([, name]) => name!)
  const common = /(?:^|\n)CN=([^\n]*)/.exec((subject as string | undefined) ?? '')?.[1]
  return common ? [common] : []
}

/** Whether the certificate has the name, by the rules of RFC 9525 and whoever signed it. */
export function isFor(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined
}

/** From the server's own to the last one that is known, which may be its own issuer. */
export function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain = [leaf]
  for (let next = leaf.issuerCertificate; next && chain.length < 10; next = next.issuerCertificate) {
    if (next.fingerprint256 === chain.at(-1)!.fingerprint256) break
    chain.push(next)
  }
  return chain
}
