import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { rootCertificates, type TLSSocket } from 'node:tls'
import { isIP } from '../../../builtins.js'
import { chainOf, namesOf } from '../../../protocols/tcp/certificate.js'
import { startTls } from '../../../protocols/tcp/connect-tls.js'
import { type TlsConfig, tlsOptionsOf } from '../config/tls.js'
import { distinguishedName } from './distinguished-name.js'
import type { Probe } from './probe.js'

/** Reports the facts of the handshake as metrics. */
export interface TlsFacts {
  secure: TLSSocket
  certificate: X509Certificate
  /** The authorities that verified the chain, in PEM. Undefined if it was not verified. */
  authorities: readonly string[] | undefined
}

/** Go's zero time in seconds since the epoch, which blackbox_exporter reports if no chain was verified. */
const never = -62_135_596_800

export async function secureConnection(
  socket: Socket,
  host: string,
  config: TlsConfig | undefined,
  { path, signal }: Probe,
  ALPNProtocols?: string[],
): Promise<TlsFacts> {
  let certificate: X509Certificate | undefined
  const options = {
    ...tlsOptionsOf(config),
    ...path,
    ...(ALPNProtocols && { ALPNProtocols }),
    host: config?.server_name || host,
    port: socket.remotePort!,
  }
  const secure = await startTls(socket, options, signal, (_secure, shown) => {
    certificate = shown
  })
  const given = typeof options.ca === 'string' ? certificatesIn(options.ca) : rootCertificates
  return { secure, certificate: certificate!, authorities: options.rejectUnauthorized ? given : undefined }
}

export function tlsMetrics({ secure, certificate, authorities }: TlsFacts, { metrics }: Probe): void {
  const chain = chainOf(certificate)
  const expiry = ({ validTo }: X509Certificate) => Date.parse(validTo) / 1000
  metrics.set(
    'probe_ssl_earliest_cert_expiry',
    'First expiry of the certificates that were sent',
    Math.min(...chain.map(expiry)),
  )
  metrics.set(
    'probe_ssl_last_chain_expiry_timestamp_seconds',
    'Expiry of the chain that was verified',
    authorities ? Math.min(...[...chain, ...signerOf(chain.at(-1)!, authorities)].map(expiry)) : never,
  )
  const version = secure.getProtocol()?.replace(/^TLSv1(?:\.(\d))?$/, (_all, minor = '0') => `TLS 1.${minor}`)
  metrics.set('probe_tls_version_info', 'TLS version in use', 1, { version: version ?? 'unknown' })
  metrics.set('probe_ssl_last_chain_info', "The server's own certificate", 1, {
    fingerprint_sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    subjectalternative: dnsNames(certificate).join(','),
  })
}

function dnsNames(certificate: X509Certificate): string[] {
  const alternatives = (certificate.subjectAltName as string | undefined) ?? ''
  return alternatives.includes('DNS:') ? namesOf(certificate).filter(name => !isIP(name)) : []
}

export function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
}

/** The issuing authority, which the server need not have sent. */
function signerOf(last: X509Certificate, authorities: readonly string[]): X509Certificate[] {
  for (const pem of authorities) {
    const authority = new X509Certificate(pem)
    if (last.checkIssued(authority) && last.verify(authority.publicKey)) return [authority]
  }
  return []
}
