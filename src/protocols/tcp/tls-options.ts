import type { ConnectionOptions } from 'node:tls'
import { invalidArgument } from '../../errors.js'
import { boolean, type Check, copied, integer, type Schema, string } from '../../options.js'

/** Node ends the process for what OpenSSL refuses. */
const protocols: Check = (value, name) => {
  const given = copied(value, name)
  if (isListOfNames(given) || isEncoded(given)) return given
  throw invalidArgument(name, value, 'a list of names of 1-255 bytes each, or its encoding (RFC 7301)')
}

function isListOfNames(value: unknown): boolean {
  const isName = (name: unknown) => typeof name === 'string' && name !== '' && Buffer.byteLength(name) < 256
  return Array.isArray(value) && value.every(isName) && Buffer.byteLength(value.join()) < 65_535
}

/** A length before each name (RFC 7301 section 3.1). */
function isEncoded(value: unknown): boolean {
  if (!ArrayBuffer.isView(value) || value.byteLength > 65_535) return false
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  let at = 0
  while (at < bytes.length && bytes[at]! > 0) at += 1 + bytes[at]!
  return at === bytes.length
}

const serverName: Check = (value, name) => {
  if (typeof value === 'string' && !value.includes('\0')) return value
  throw invalidArgument(name, value, 'a name')
}

/** The options of `tls.connect` that concern TLS itself. Node checks the values that are copied here. */
export const tlsSchema = {
  ALPNProtocols: protocols,
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
  minDHSize: integer(1, 0x7fff_ffff),
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
  servername: serverName,
  session: copied,
  sessionIdContext: string,
  sigalgs: string,
  ticketKeys: copied,
} satisfies Schema

/** The options of `tls.connect` that concern only TLS. See Node's documentation. */
export type TlsOptions = Pick<ConnectionOptions, keyof typeof tlsSchema & keyof ConnectionOptions>
