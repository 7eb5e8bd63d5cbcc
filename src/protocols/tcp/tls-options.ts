import type { ConnectionOptions } from 'node:tls'
import { anything, boolean, type Schema, string } from '../../options.js'

/** Options of `tls.connect` that concern TLS itself; what they hold is checked by Node. */
export const tlsSchema = {
  ALPNProtocols: anything,
  allowPartialTrustChain: boolean,
  ca: anything,
  cert: anything,
  checkServerIdentity: anything,
  ciphers: string,
  clientCertEngine: string,
  crl: anything,
  dhparam: anything,
  ecdhCurve: string,
  enableTrace: boolean,
  honorCipherOrder: boolean,
  key: anything,
  maxVersion: string,
  minDHSize: anything,
  minVersion: string,
  passphrase: string,
  pfx: anything,
  privateKeyEngine: string,
  privateKeyIdentifier: string,
  pskCallback: anything,
  rejectUnauthorized: boolean,
  requestOCSP: boolean,
  secureContext: anything,
  secureOptions: anything,
  secureProtocol: string,
  servername: anything,
  session: anything,
  sessionIdContext: string,
  sigalgs: string,
  ticketKeys: anything,
} satisfies Schema

/** Options of `tls.connect` that concern TLS alone; Node's documentation has them. */
export type TlsOptions = Pick<ConnectionOptions, keyof typeof tlsSchema & keyof ConnectionOptions>
