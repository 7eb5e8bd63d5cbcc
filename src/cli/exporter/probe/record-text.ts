import type { Answer } from 'dns-packet'
import { isIP } from '../../../builtins.js'
import { canonicalIP } from '../../../sockets/ip.js'

type Data = Record<string, string | number | Buffer>

/** Writes a record as in a zone file (RFC 1035 section 5), with tabs, like the Go library that blackbox_exporter uses. */
export function recordText(record: Answer): string {
  if (record.type === 'OPT') return `;; OPT PSEUDOSECTION: udp ${record.udpPayloadSize}`
  const head = [fqdn(record.name), record.ttl ?? 0, record.class ?? 'IN', record.type]
  return [...head, dataText(record.type, record.data)].join('\t')
}

function dataText(type: string, data: unknown): string {
  const fields = data as Data
  switch (type) {
    case 'CNAME':
    case 'DNAME':
    case 'NS':
    case 'PTR':
      return fqdn(String(data))
    case 'AAAA':
      // The codec accepts truncated addresses, and shortens the first zeros, not the longest.
      return isIP(String(data)) ? canonicalIP(String(data)) : String(data)
    case 'MX':
      return `${fields.preference} ${fqdn(fields.exchange)}`
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = fields
      return [fqdn(mname), fqdn(rname), serial, refresh, retry, expire, minimum].join(' ')
    }
    case 'SRV':
      return `${fields.priority ?? 0} ${fields.weight ?? 0} ${fields.port} ${fqdn(fields.target)}`
    case 'TXT':
      return [data].flat().map(quoted).join(' ')
    case 'HINFO':
      return `${quoted(fields.cpu)} ${quoted(fields.os)}`
    case 'CAA':
      return `${fields.flags} ${fields.tag} ${quoted(fields.value)}`
    case 'NAPTR': {
      const { order, preference, flags, services, regexp, replacement } = fields
      return `${order} ${preference} ${[flags, services, regexp].map(quoted).join(' ')} ${fqdn(replacement)}`
    }
    case 'DS':
    case 'CDS':
      return `${fields.keyTag} ${fields.algorithm} ${fields.digestType} ${hex(fields.digest)}`
    case 'DNSKEY':
      return `${fields.flags} 3 ${fields.algorithm} ${(fields.key as Buffer).toString('base64')}`
    case 'SSHFP':
      return `${fields.algorithm} ${fields.hash} ${String(fields.fingerprint).toUpperCase()}`
    case 'TLSA': {
      const { usage, selector, matchingType, certificate } = fields
      return `${usage} ${selector} ${matchingType} ${(certificate as Buffer).toString('hex')}`
    }
  }
  return Buffer.isBuffer(data) ? `\\# ${data.length} ${data.toString('hex')}` : plain(data)
}

function plain(data: unknown): string {
  return typeof data === 'object' && data !== null ? Object.values(data).map(String).join(' ') : String(data)
}

function fqdn(name: unknown): string {
  const text = String(name ?? '')
  return text.endsWith('.') ? text : `${text}.`
}

function hex(bytes: unknown): string {
  return (bytes as Buffer).toString('hex').toUpperCase()
}

function quoted(text: unknown): string {
  const escaped = Buffer.isBuffer(text) ? text.toString() : String(text ?? '')
  return `"${escaped.replace(/["\\]/g, '\\$&')}"`
}
