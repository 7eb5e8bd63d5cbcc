import type { SvcbData } from './service-binding.js'

/** The data of each record type. Names have no final dot. */
export interface RecordData {
  /** RFC 8659. */
  CAA: CaaData
  /** The name that it is an alias of (RFC 1035). */
  CNAME: string
  /** RFC 4034 section 2. */
  DNSKEY: DnskeyData
  /** RFC 4034 section 5. */
  DS: DsData
  /** RFC 9460 section 9. */
  HTTPS: SvcbData
  /** RFC 1035. */
  MX: MxData
  /** RFC 3403. */
  NAPTR: NaptrData
  /** Name of a name server (RFC 1035). */
  NS: string
  /** The name of an address (RFC 1035). */
  PTR: string
  /** RFC 1035. */
  SOA: SoaData
  /** RFC 2782. */
  SRV: SrvData
  /** RFC 4255. */
  SSHFP: SshfpData
  /** RFC 9460. */
  SVCB: SvcbData
  /** RFC 6698. */
  TLSA: TlsaData
  /** The strings of one record, unchanged (RFC 1035). */
  TXT: string[]
}

/** Certification authorities that may issue certificates (RFC 8659). */
export interface CaaData {
  /** As on the wire, 0-255. */
  flags: number
  /** `issue`, `issuewild`, `iodef`, … */
  tag: string
  /** The value of the tag. */
  value: string
  /** Whether an issuer that doesn't know the tag must not issue: bit 7 of the flags. */
  issuerCritical: boolean
}

/** A key of a zone (RFC 4034 section 2). */
export interface DnskeyData {
  /** 256 for a zone's key, 257 for one that signs keys. */
  flags: number
  /** Number in IANA's registry of DNSSEC algorithms. */
  algorithm: number
  /** The public key. */
  key: Buffer
}

/** Which key a delegated zone has (RFC 4034 section 5). */
export interface DsData {
  /** Short name of that key, 0-65535. */
  keyTag: number
  /** Its algorithm, as in `DNSKEY`. */
  algorithm: number
  /** Algorithm of `digest`: 1 SHA-1, 2 SHA-256, 4 SHA-384. */
  digestType: number
  /** The digest of the key. */
  digest: Buffer
}

/** A mail exchanger (RFC 1035). */
export interface MxData {
  /** The lowest is tried first. */
  preference: number
  /** Name of the host. */
  exchange: string
}

/** A rule to rewrite names (RFC 3403). */
export interface NaptrData {
  /** The lowest comes first. */
  order: number
  /** The lowest comes first, within one `order`. */
  preference: number
  /** `S`, `A`, `U`, `P`, or none. */
  flags: string
  /** Service parameters. */
  services: string
  /** Substitution, or empty. */
  regexp: string
  /** Next name, or empty. */
  replacement: string
}

/** Start of a zone (RFC 1035; `minimum`: RFC 2308). */
export interface SoaData {
  /** Primary name server. */
  mname: string
  /** Mailbox of the person responsible, as a name. */
  rname: string
  /** Version of the zone. */
  serial: number
  /** Seconds until a secondary server asks again. */
  refresh: number
  /** Seconds until it asks again after a failure. */
  retry: number
  /** Seconds after which a secondary server stops answering for the zone. */
  expire: number
  /** Seconds that a negative answer may be cached. */
  minimum: number
}

/** Host and port of a service (RFC 2782). */
export interface SrvData {
  /** The lowest is tried first. */
  priority: number
  /** Share among the records of one priority. */
  weight: number
  /** TCP or UDP port. */
  port: number
  /** Name of the host. */
  target: string
}

/** Fingerprint of an SSH host key (RFC 4255). */
export interface SshfpData {
  /** 1 RSA, 2 DSA, 3 ECDSA, 4 Ed25519. */
  algorithm: number
  /** 1 SHA-1, 2 SHA-256. */
  hash: number
  /** Hexadecimal. */
  fingerprint: string
}

/** The certificate that a server should have (RFC 6698). */
export interface TlsaData {
  /**
   * 0-3: whether `certificate` is that of an authority or of the server, and whether the usual authorities must have signed
   * it.
   */
  usage: number
  /** 0: the whole certificate. 1: its public key. */
  selector: number
  /** 0: `certificate` is the certificate or key. 1, 2: it is its SHA-256, SHA-512. */
  matchingType: number
  /** Certificate, key, or digest. */
  certificate: Buffer
}

/** Record types for addresses (RFC 1035, RFC 3596). */
export type AddressType = 'A' | 'AAAA'
/** Record types that `resolve` and `checkDns` can look up. */
export type RecordType = AddressType | keyof RecordData

export const recordTypes: readonly RecordType[] = [
  'A',
  'AAAA',
  'CAA',
  'CNAME',
  'DNSKEY',
  'DS',
  'HTTPS',
  'MX',
  'NAPTR',
  'NS',
  'PTR',
  'SOA',
  'SRV',
  'SSHFP',
  'SVCB',
  'TLSA',
  'TXT',
]

/** The codec's name for types that it doesn't know (RFC 3597). Their data are bytes. */
const codecNames: Partial<Record<RecordType, string>> = { SVCB: 'UNKNOWN_64', HTTPS: 'UNKNOWN_65' }

export function codecType(type: RecordType): string {
  return codecNames[type] ?? type
}

/** One address of a name. */
export interface ResolvedAddress {
  /** IPv4 or IPv6 address as text. */
  address: string
  /** 4 or 6. */
  family: 4 | 6
  /** Seconds it may be cached (RFC 1035); 0 if it didn't come from a name server. */
  ttl: number
}

/** A record other than an address. */
export interface DnsRecord<T extends keyof RecordData = keyof RecordData> {
  /** The requested type. */
  type: T
  /** The name that has the record: the requested one, or the end of its CNAMEs. */
  name: string
  /** Seconds (RFC 1035). */
  ttl: number
  /** The data of the record. */
  data: RecordData[T]
}
