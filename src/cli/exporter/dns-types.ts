/** The types of questions, by their names in blackbox_exporter and in the codec. */
export const queryTypes: ReadonlyMap<string, string> = new Map([
  ...[
    ...['A', 'AAAA', 'AFSDB', 'ANY', 'APL', 'AXFR', 'CAA', 'CDNSKEY', 'CDS', 'CERT', 'CNAME', 'DHCID', 'DLV', 'DNAME'],
    ...['DNSKEY', 'DS', 'HINFO', 'HIP', 'IPSECKEY', 'IXFR', 'KEY', 'KX', 'LOC', 'MX', 'NAPTR', 'NS', 'NSEC', 'NSEC3'],
    ...['NSEC3PARAM', 'NULL', 'PTR', 'RP', 'RRSIG', 'SIG', 'SOA', 'SRV', 'SSHFP', 'TA', 'TLSA', 'TXT', 'URI'],
  ].map((name): [string, string] => [name, name]),
  ['CSYNC', 'UNKNOWN_62'],
  ['EUI48', 'UNKNOWN_108'],
  ['EUI64', 'UNKNOWN_109'],
  ['HTTPS', 'UNKNOWN_65'],
  ['OPENPGPKEY', 'UNKNOWN_61'],
  ['SMIMEA', 'UNKNOWN_53'],
  ['SPF', 'UNKNOWN_99'],
  ['SVCB', 'UNKNOWN_64'],
  ['ZONEMD', 'UNKNOWN_63'],
])

export const queryClasses = ['IN', 'CS', 'CH', 'HS', 'ANY']
