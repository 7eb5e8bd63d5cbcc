import type { X509Certificate } from 'node:crypto'
import { isIP } from '../../builtins.js'

/** The main facts about a server's certificate (RFC 5280). */
export interface CertificateFacts {
  /**
   * Distinguished name, as OpenSSL prints it (RFC 4514's order reversed): `CN=example.org`. Empty if the certificate has none.
   * That is legal, because only the names count.
   */
  subject: string
  /** The names and addresses it is valid for: its subjectAltName, or the common name without one (RFC 9525). */
  names: readonly string[]
  /** Start of its validity. */
  validFrom: Date
  /** End of its validity, inclusive. */
  validTo: Date
  /** Whole days until `validTo`; negative once it has expired. */
  daysLeft: number
}

const day = 24 * 60 * 60 * 1000

/** Returns undefined if the dates can't be read. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts | undefined {
  const validFrom = new Date(certificate.validFrom)
  const validTo = new Date(certificate.validTo)
  if (Number.isNaN(validFrom.getTime()) || Number.isNaN(validTo.getTime())) return undefined
  // Node's types promise a string, but the field is missing if it is empty.
  const subject = (certificate.subject as string | undefined) ?? ''
  const daysLeft = Math.floor((validTo.getTime() - Date.now()) / day)
  return { subject: subject.replaceAll('\n', ', '), names: namesOf(certificate), validFrom, validTo, daysLeft }
}

export function namesOf({ subject, subjectAltName }: X509Certificate): string[] {
  const alternatives = (subjectAltName as string | undefined) ?? ''
  // Node quotes names that contain something that looks like another entry (CVE-2021-44532).
  const found = [...alternatives.matchAll(/(?:^|, )(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g)]
  if (found.length > 0) return found.map(([, name]) => name!)
  const common = /(?:^|\n)CN=([^\n]*)/.exec((subject as string | undefined) ?? '')?.[1]
  return common ? [common] : []
}

/** Whether the certificate covers the name, by the rules of RFC 9525. It does not check who signed it. */
export function isFor(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined
}

/** The chain from the server's own certificate to the last known one, which may be its own issuer. */
export function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain = [leaf]
  for (let next = leaf.issuerCertificate; next && chain.length < 10; next = next.issuerCertificate) {
    if (next.fingerprint256 === chain.at(-1)!.fingerprint256) break
    chain.push(next)
  }
  return chain
}
