/** What the data of each record type looks like. Names are without the root's dot. */
export interface RecordData {
  /** RFC 8659. */
  CAA: { flags: number; tag: string; value: string; issuerCritical: boolean }
  CNAME: string
  /** RFC 4034. */
  DNSKEY: { flags: number; algorithm: number; key: Buffer }
  DS: { keyTag: number; algorithm: number; digestType: number; digest: Buffer }
  MX: { preference: number; exchange: string }
  /** RFC 3403. */
  NAPTR: {
    order: number
    preference: number
    flags: string
    services: string
    regexp: string
    replacement: string
  }
  NS: string
  PTR: string
  SOA: {
    mname: string
    rname: string
    serial: number
    refresh: number
    retry: number
    expire: number
    minimum: number
  }
  /** RFC 2782. */
  SRV: { priority: number; weight: number; port: number; target: string }
  /** RFC 4255; the fingerprint in hexadecimal. */
  SSHFP: { algorithm: number; hash: number; fingerprint: string }
  /** RFC 6698. */
  TLSA: { usage: number; selector: number; matchingType: number; certificate: Buffer }
  /** The strings of one record, as they come. */
  TXT: string[]
}

export type AddressType = 'A' | 'AAAA'
export type RecordType = AddressType | keyof RecordData

export const recordTypes: readonly RecordType[] = [
  'A',
  'AAAA',
  'CAA',
  'CNAME',
  'DNSKEY',
  'DS',
  'MX',
  'NAPTR',
  'NS',
  'PTR',
  'SOA',
  'SRV',
  'SSHFP',
  'TLSA',
  'TXT',
]

export interface ResolvedAddress {
  address: string
  family: 4 | 6
  /** Seconds it may be kept (RFC 1035); 0 for what did not come from a name server. */
  ttl: number
}

export interface DnsRecord<T extends keyof RecordData = keyof RecordData> {
  type: T
  /** Who has the record: the name asked for, or where its CNAMEs lead. */
  name: string
  /** Seconds (RFC 1035). */
  ttl: number
  data: RecordData[T]
}
