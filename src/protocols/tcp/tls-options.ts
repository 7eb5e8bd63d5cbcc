import type { ConnectionOptions } from 'node:tls'
import { boolean, copied, type Schema, string } from '../../options.js'

/** The options of `tls.connect` that concern TLS itself. Node checks their values. */
export const tlsSchema = {
  ALPNProtocols: copied,
  allowPartialTrustChain: boolean,
  ca: copied,
  cert: copied,
  checkServerIdentity: copied,
  ciphers: string,
  clientCertEngine: string,
  crl: copied,
  dhparam: copied,
  ecdhCurve: string,
  enableTrace: boolean,
  honorCipherOrder: boolean,
  key: copied,
  maxVersion: string,
  minDHSize: copied,
  minVersion: string,
  passphrase: string,
  pfx: copied,
  privateKeyEngine: string,
  privateKeyIdentifier: string,
  pskCallback: copied,
  rejectUnauthorized: boolean,
  requestOCSP: boolean,
  secureContext: copied,
  secureOptions: copied,
  secureProtocol: string,
  servername: copied,
  session: copied,
  sessionIdContext: string,
  sigalgs: string,
  ticketKeys: copied,
} satisfies Schema

/** The options of `tls.connect` that concern only TLS. See Node's documentation. */
export type TlsOptions = Pick<ConnectionOptions, keyof typeof tlsSchema & keyof ConnectionOptions>
