import type { SecureVersion } from 'node:tls'
import { boolean, type Schema } from '../../../options.js'
import type { TlsOptions } from '../../../protocols/tcp/tls-options.js'
import { readNamedFile } from '../../shared/named-file.js'
import { anyOf, scalarText } from './values.js'

export interface TlsConfig {
  ca?: string
  ca_file?: string
  cert?: string
  cert_file?: string
  key?: string
  key_file?: string
  server_name?: string
  insecure_skip_verify?: boolean
  min_version?: string
  max_version?: string
}

const version = anyOf('TLS10', 'TLS11', 'TLS12', 'TLS13')

export const tlsSchema = {
  ca: scalarText,
  ca_file: scalarText,
  cert: scalarText,
  cert_file: scalarText,
  key: scalarText,
  key_file: scalarText,
  server_name: scalarText,
  insecure_skip_verify: boolean,
  min_version: version,
  max_version: version,
} satisfies Schema

/** The files are read again for every probe, because certificates are renewed. */
export function tlsOptionsOf(config: TlsConfig = {}): TlsOptions {
  const content = (text: string | undefined, file: string | undefined) =>
    text ?? (file === undefined ? undefined : readNamedFile(file, 0).toString())
  const maxVersion = versionOf(config.max_version ?? 'TLS13')
  const minVersion = versionOf(config.min_version ?? 'TLS12')
  return {
    ca: content(config.ca, config.ca_file),
    cert: content(config.cert, config.cert_file),
    key: content(config.key, config.key_file),
    rejectUnauthorized: !config.insecure_skip_verify,
    minVersion,
    maxVersion,
    // OpenSSL refuses the old versions at its default security level.
    ...(minVersion < 'TLSv1.2' && { ciphers: 'DEFAULT@SECLEVEL=0' }),
  }
}

function versionOf(name: string): SecureVersion {
  return name.replace(/^TLS1(\d)$/, 'TLSv1.$1').replace('TLSv1.0', 'TLSv1') as SecureVersion
}
