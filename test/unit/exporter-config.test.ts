import { describe, expect, it } from 'vitest'
import { readModules } from '../../src/cli/exporter/config/read.js'
import { fileOf } from './monitor-command.js'

const read = (text: string) => readModules(fileOf(text, 'blackbox.yml'))

/** The error for a file, without the name of its folder. */
function problems(text: string): string {
  try {
    read(text)
  } catch (error) {
    return (error as Error).message.replace(/\/\S*\/(?=blackbox\.yml)/g, '')
  }
  throw new Error('it was taken')
}

const one = (prober: string, fields: string) => `modules: { m: { prober: ${prober}, ${prober}: { ${fields} } } }`

const tls = `ca: a, ca_file: b, cert: c, cert_file: d, key: e, key_file: f, server_name: g,
  insecure_skip_verify: true, min_version: TLS10, max_version: TLS13`

const everyField = {
  http: `valid_status_codes: [200, 404], valid_http_versions: [HTTP/1.1, HTTP/2.0], preferred_ip_protocol: ip4,
    ip_protocol_fallback: false, no_follow_redirects: false, fail_if_ssl: false, fail_if_not_ssl: true, method: POST,
    headers: { Accept-Language: en, X-Number: 5 }, fail_if_body_matches_regexp: ['a'],
    fail_if_body_not_matches_regexp: ['(?i)b'], fail_if_header_matches: [{ header: A, regexp: b, allow_missing: true }],
    fail_if_header_not_matches: [{ header: A, regexp: b }], body: text, compression: gzip, body_size_limit: 10MB,
    basic_auth: { username: u, username_file: v, password: p, password_file: q }, follow_redirects: true,
    enable_http2: true, tls_config: { ${tls} }`,
  tcp: `preferred_ip_protocol: ip6, ip_protocol_fallback: true, source_ip_address: 192.0.2.2, tls: true,
    query_response: [{ expect: '^+OK', send: 'A', starttls: true }], tls_config: { ${tls} }`,
  icmp: `preferred_ip_protocol: ip6, ip_protocol_fallback: true, source_ip_address: 192.0.2.2, payload_size: 1000,
    dont_fragment: true, ttl: 5`,
  dns: `preferred_ip_protocol: ip6, ip_protocol_fallback: true, source_ip_address: 192.0.2.2, dns_over_tls: true,
    transport_protocol: tcp, query_class: CH, query_name: server.test, query_type: MX, recursion_desired: false,
    valid_rcodes: [NXDOMAIN], tls_config: { ${tls} },
    validate_answer_rrs: { fail_if_matches_regexp: [a], fail_if_all_match_regexp: [b], fail_if_not_matches_regexp: [c],
    fail_if_none_matches_regexp: [d] }, validate_authority_rrs: {}, validate_additional_rrs: {}`,
}

describe('blackbox.yml', () => {
  it.each(Object.entries(everyField))('may have every field of %s', (prober, fields) => {
    const text = one(prober, prober === 'tcp' ? fields.replace('^+', '^\\+') : fields)
    expect(read(text).modules.get('m')).toMatchObject({ prober })
  })

  it.each([
    ['bearer_token: t'],
    ['bearer_token_file: t'],
    ['authorization: { type: X, credentials: c, credentials_file: d }'],
    ['body_file: /etc/hosts'],
  ])('may have each of the mutually exclusive fields: %s', fields => {
    expect(read(one('http', fields)).modules.size).toBe(1)
  })

  it.each(['oauth2', 'proxy_url', 'no_proxy', 'proxy_from_environment', 'proxy_connect_header'])(
    'refuses %s by name: it is not supported',
    field => {
      expect(problems(one('http', `${field}: x`))).toMatch(
        new RegExp(`^blackbox.yml:1:\\d+: m: http: ${field} is not supported`),
      )
    },
  )

  it('refuses the prober grpc, and names it', () => {
    expect(problems('modules:\n  a:\n    prober: grpc')).toMatch(/^blackbox.yml:3:5: .*grpc is not supported/)
  })

  it.each([
    ['modules: { m: { prober: icmp, bogus: 1 } }', /^blackbox.yml:1:31: m: unknown option "bogus"/],
    [one('icmp', 'bogus: 1'), /m: icmp: unknown option "bogus"/],
    [one('tcp', 'tls_config: { bogus: 1 }'), /m: tcp: tls_config: unknown option "bogus"/],
    [one('tcp', 'query_response: [{ bogus: 1 }]'), /query_response\[0\]: unknown option "bogus"/],
    [one('http', 'fail_if_header_matches: [{ header: A }]'), /regexp/],
    [one('dns', 'query_type: A'), /query_name/],
    [one('dns', 'query_name: a, query_type: BOGUS'), /query_type/],
    [one('dns', 'query_name: a, dns_over_tls: true'), /transport_protocol must be tcp/],
    [one('icmp', 'ttl: 256'), /ttl must be an integer from 0 to 255/],
    [one('http', 'body: a, body_file: b'), /body and body_file exclude each other/],
    [one('http', "compression: gzip, headers: { Accept-Encoding: 'br, identity' }"), /compression: gzip/],
    [one('http', "fail_if_body_matches_regexp: ['a(?=b)']"), /fail_if_body_matches_regexp\[0\].*not supported/],
    ['modules: { m: { prober: icmp, timeout: 5 } }', /timeout must be a duration/],
    ['modules: { m: { prober: icmp, timeout: { toString: 1 } } }', /^blackbox.yml:1:31: m: timeout must be a duration/],
    [one('http', 'body_size_limit: { toString: 1 }'), /body_size_limit must be a size/],
    ['modules: &all [*all]', /^blackbox.yml:1:16: \*all is inside/],
    ['modules: { m: { prober: icmp } }\nbogus: 1', /^blackbox.yml:2:1: unknown field "bogus"/],
    ['', /^blackbox.yml:1:1: modules must have at least one module$/],
    ['modules:\n', /^blackbox.yml:1:1: modules must have at least one module$/],
    ['modules: {}', /^blackbox.yml:1:1: modules must have at least one module$/],
    ['modules: { m: { prober: icmp, device: averyveryverylongname } }', /device/],
  ])('reports the error and its position: %s', (text, expected) => {
    expect(problems(text)).toMatch(expected)
  })

  it('reports all errors in the order of the file', () => {
    expect(problems('modules:\n  a: { prober: bogus }\n  b: { prober: icmp, bogus: 1 }').split('\n')).toHaveLength(2)
  })

  it('accepts one or several devices, and Go durations', () => {
    const { modules } = read(
      'modules: { a: { prober: icmp, device: wan1 }, b: { prober: tcp, device: [wan1, wan2], timeout: 1m0.5s } }',
    )
    expect(modules.get('a')!.device).toEqual(['wan1'])
    expect(modules.get('b')).toMatchObject({ device: ['wan1', 'wan2'], timeout: 60_500 })
  })

  it('refuses a duration of 200,000 digits in less than a minute', () => {
    const begun = performance.now()
    expect(problems(`modules: { m: { prober: icmp, timeout: '${'1'.repeat(200_000)}' } }`)).toMatch(
      /must be a duration/,
    )
    expect(performance.now() - begun).toBeLessThan(60_000)
  }, 600_000)

  it('treats a field without a value as missing', () => {
    expect(read('modules:\n  a:\n    prober: http\n    http:\n      method:\n').modules.get('a')).toEqual({
      prober: 'http',
      http: {},
    })
  })

  it('shows modules without their secrets', () => {
    const { written } = read(one('http', 'basic_auth: { username: me, password: tiger }'))
    expect(written.get('m')).toMatchObject({ http: { basic_auth: { username: 'me', password: '<secret>' } } })
    const sent = read(`modules:
      m: { prober: http, http: { headers: { Cookie: 'id=s3cret', Accept: 'a' }, body: 'password=s3cret' } }
      n: { prober: tcp, tcp: { query_response: [{ expect: '^220', send: 'PASS s3cret' }] } }
`).written
    expect(JSON.stringify([...sent.values()])).not.toContain('s3cret')
    expect(sent.get('m')).toMatchObject({ http: { headers: { Cookie: '<secret>', Accept: '<secret>' } } })
  })
})
