import { invalidArgument } from '../../../errors.js'
import { arrayOf, boolean, type Check, deviceName, integer, ipAddress, type Schema } from '../../../options.js'
import { queryClasses, queryTypes } from '../dns-types.js'
import { type HttpModule, httpSchema, judgeHttp } from './http.js'
import { type TlsConfig, tlsSchema } from './tls.js'
import { anyOf, duration, type Pattern, regexp, scalarText, section, unsupported } from './values.js'

/** How to reach a target, for every prober. */
export interface Reaching {
  preferred_ip_protocol?: 'ip4' | 'ip6'
  /** Default: true. */
  ip_protocol_fallback?: boolean
  source_ip_address?: string
}

export interface TcpModule extends Reaching {
  query_response?: { expect?: Pattern; send?: string; starttls?: boolean }[]
  tls?: boolean
  tls_config?: TlsConfig
}

export interface IcmpModule extends Reaching {
  payload_size?: number
  dont_fragment?: boolean
  ttl?: number
}

/** Patterns that a record must match, or must not match. */
export interface RecordRules {
  fail_if_matches_regexp?: Pattern[]
  fail_if_all_match_regexp?: Pattern[]
  fail_if_not_matches_regexp?: Pattern[]
  fail_if_none_matches_regexp?: Pattern[]
}

export interface DnsModule extends Reaching {
  dns_over_tls?: boolean
  tls_config?: TlsConfig
  transport_protocol?: 'udp' | 'tcp'
  query_class?: string
  query_name: string
  query_type?: string
  recursion_desired?: boolean
  valid_rcodes?: string[]
  validate_answer_rrs?: RecordRules
  validate_authority_rrs?: RecordRules
  validate_additional_rrs?: RecordRules
}

/** One module of blackbox.yml, with the names of that file. */
export interface Module {
  prober: 'http' | 'tcp' | 'dns' | 'icmp'
  /** In milliseconds. */
  timeout?: number
  device?: string[]
  http?: HttpModule
  tcp?: TcpModule
  dns?: DnsModule
  icmp?: IcmpModule
}

const familySchema = {
  preferred_ip_protocol: anyOf('ip4', 'ip6'),
  ip_protocol_fallback: boolean,
} satisfies Schema

const reachingSchema = { ...familySchema, source_ip_address: ipAddress } satisfies Schema

const rulesSchema = {
  fail_if_matches_regexp: arrayOf(regexp),
  fail_if_all_match_regexp: arrayOf(regexp),
  fail_if_not_matches_regexp: arrayOf(regexp),
  fail_if_none_matches_regexp: arrayOf(regexp),
} satisfies Schema

const tcpSchema = {
  ...reachingSchema,
  query_response: arrayOf(section({ expect: regexp, send: scalarText, starttls: boolean })),
  tls: boolean,
  tls_config: section(tlsSchema),
} satisfies Schema

const icmpSchema = {
  ...reachingSchema,
  payload_size: integer(0, 65_507),
  dont_fragment: boolean,
  ttl: integer(0, 255),
} satisfies Schema

/** RFC 6895, with the names that blackbox_exporter knows. */
export const rcodes = [
  ...['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH'],
  'NOTZONE',
]

const dnsSchema = {
  ...reachingSchema,
  dns_over_tls: boolean,
  tls_config: section(tlsSchema),
  transport_protocol: anyOf('udp', 'tcp'),
  query_class: anyOf(...queryClasses),
  query_name: scalarText,
  query_type: anyOf(...queryTypes.keys()),
  recursion_desired: boolean,
  valid_rcodes: arrayOf(anyOf(...rcodes)),
  validate_answer_rrs: section(rulesSchema),
  validate_authority_rrs: section(rulesSchema),
  validate_additional_rrs: section(rulesSchema),
} satisfies Schema

const devices: Check = (value, name) => arrayOf(deviceName)(Array.isArray(value) ? value : [value], name)

const prober: Check = (value, name) => {
  if (value === 'grpc') unsupported('; it has http, tcp, dns and icmp')('grpc', `${name}: the prober grpc`)
  return anyOf('http', 'tcp', 'dns', 'icmp')(value, name)
}

export const moduleSchema = {
  prober,
  timeout: duration,
  device: devices,
  http: section({ ...familySchema, ...httpSchema }, [], judgeHttp),
  tcp: section(tcpSchema),
  dns: section(dnsSchema, ['query_name'], judgeDns),
  icmp: section(icmpSchema),
  grpc: unsupported(),
} satisfies Schema

function judgeDns({ dns_over_tls, transport_protocol }: DnsModule): void {
  if (dns_over_tls && transport_protocol !== 'tcp') {
    throw invalidArgument('transport_protocol', transport_protocol, 'tcp with dns_over_tls')
  }
}
