import { lab } from '../lab/index.js'

const { address4, address6, name } = lab.server

/** The modules of the configuration, which names the CA file `ca`. */
export const modules = (ca: string) => `
modules:
  http_2xx: { prober: http, timeout: 5s }
  http_ip4: { prober: http, http: { preferred_ip_protocol: ip4 } }
  http_only6: { prober: http, http: { preferred_ip_protocol: ip6, ip_protocol_fallback: false } }
  http_post: { prober: http, http: { preferred_ip_protocol: ip4, method: POST, body: 'a=b', headers: { X-Test: yes } } }
  http_head: { prober: http, http: { preferred_ip_protocol: ip4, method: HEAD } }
  http_valid: { prober: http, http: { preferred_ip_protocol: ip4, valid_status_codes: [404, 301] } }
  http_stay: { prober: http, http: { preferred_ip_protocol: ip4, follow_redirects: false } }
  http_stay_301: { prober: http, http: { preferred_ip_protocol: ip4, no_follow_redirects: true, valid_status_codes: [301] } }
  http_tls: { prober: http, http: { preferred_ip_protocol: ip4, tls_config: { ca_file: ${ca} } } }
  http_tls_1: { prober: http, http: { preferred_ip_protocol: ip4, enable_http2: false, tls_config: { ca_file: ${ca} } } }
  http_tls_12: { prober: http, http: { preferred_ip_protocol: ip4, tls_config: { ca_file: ${ca}, max_version: TLS12 } } }
  http_tls_name: { prober: http, http: { preferred_ip_protocol: ip4, tls_config: { ca_file: ${ca}, server_name: elsewhere.example } } }
  http_unverified: { prober: http, http: { preferred_ip_protocol: ip4, tls_config: { insecure_skip_verify: true } } }
  http_no_tls: { prober: http, http: { preferred_ip_protocol: ip4, fail_if_ssl: true, tls_config: { ca_file: ${ca} } } }
  http_only_tls: { prober: http, http: { preferred_ip_protocol: ip4, fail_if_not_ssl: true, tls_config: { ca_file: ${ca} } } }
  http_version: { prober: http, http: { preferred_ip_protocol: ip4, valid_http_versions: [HTTP/1.0] } }
  http_body: { prober: http, http: { preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: ['(?i)HELLO'] } }
  http_no_body: { prober: http, http: { preferred_ip_protocol: ip4, fail_if_body_matches_regexp: ['hel+o'] } }
  http_header: { prober: http, http: { preferred_ip_protocol: ip4, fail_if_header_not_matches: [{ header: x-kind, regexp: '^good$' }] } }
  http_no_header: { prober: http, http: { preferred_ip_protocol: ip4, fail_if_header_matches: [{ header: X-Kind, regexp: good, allow_missing: true }] } }
  http_auth: { prober: http, http: { preferred_ip_protocol: ip4, basic_auth: { username: me, password: tiger } } }
  http_authorization: { prober: http, http: { preferred_ip_protocol: ip4, basic_auth: { username: you, password: lion }, headers: { Authorization: 'Basic bWU6dGlnZXI=' } } }
  http_bearer: { prober: http, http: { preferred_ip_protocol: ip4, bearer_token: abc } }
  http_gzip: { prober: http, http: { preferred_ip_protocol: ip4, compression: gzip, headers: { Accept-Encoding: gzip } } }
  http_zipped: { prober: http, http: { preferred_ip_protocol: ip4, compression: gzip, headers: { Accept-Encoding: gzip }, fail_if_body_not_matches_regexp: [nothing] } }
  http_small: { prober: http, http: { preferred_ip_protocol: ip4, body_size_limit: 4B } }
  http_short: { prober: http, timeout: 700ms, http: { preferred_ip_protocol: ip4 } }
  tcp: { prober: tcp, timeout: 3s, tcp: { preferred_ip_protocol: ip4 } }
  tcp_source: { prober: tcp, tcp: { preferred_ip_protocol: ip4, source_ip_address: 127.0.0.1 } }
  tcp_tls: { prober: tcp, tcp: { preferred_ip_protocol: ip4, tls: true, tls_config: { ca_file: ${ca} } } }
  tcp_tls_unverified: { prober: tcp, tcp: { preferred_ip_protocol: ip4, tls: true, tls_config: { insecure_skip_verify: true } } }
  tcp_banner: { prober: tcp, timeout: 1s, tcp: { query_response: [{ expect: '^220 (.*)' }, { send: 'HELLO' }, { expect: '^250-([a-z]+)', send: 'GOT \${1}' }, { expect: '^GOT first$' }] } }
  tcp_wrong: { prober: tcp, timeout: 1s, tcp: { query_response: [{ expect: '^nothing like it' }] } }
  tcp_starttls: { prober: tcp, timeout: 3s, tcp: { tls_config: { ca_file: ${ca}, server_name: ${name} }, query_response: [{ expect: '^220' }, { send: STARTTLS }, { expect: '^220 go' }, { starttls: true }, { send: 'HELLO' }, { expect: '^250' }] } }
  icmp: { prober: icmp, timeout: 2s, icmp: { preferred_ip_protocol: ip4 } }
  icmp6: { prober: icmp, timeout: 2s }
  icmp_ttl: { prober: icmp, timeout: 500ms, icmp: { preferred_ip_protocol: ip4, ttl: 1 } }
  icmp_large: { prober: icmp, timeout: 2s, icmp: { preferred_ip_protocol: ip4, payload_size: 1000, dont_fragment: true } }
  icmp_too_large: { prober: icmp, timeout: 500ms, icmp: { preferred_ip_protocol: ip4, payload_size: 3000, dont_fragment: true } }
  dns_a: { prober: dns, timeout: 2s, dns: { query_name: ${name}, query_type: A } }
  dns_any: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: ${name} } }
  dns_tcp: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, transport_protocol: tcp, query_name: ${name}, query_type: AAAA } }
  dns_mx: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: ${name}, query_type: MX, validate_answer_rrs: { fail_if_not_matches_regexp: ['\\tIN\\tMX\\t10 mail\\.test\\.$'] } } }
  dns_txt: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: ${name}, query_type: TXT, validate_answer_rrs: { fail_if_none_matches_regexp: ['"two words"'] } } }
  dns_txt_forbidden: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: ${name}, query_type: TXT, validate_answer_rrs: { fail_if_matches_regexp: [words] } } }
  dns_srv: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: _sip._udp.test, query_type: SRV, validate_answer_rrs: { fail_if_not_matches_regexp: ['SRV\\t1 2 5060 server\\.test\\.'] } } }
  dns_soa: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: zone.example, query_type: SOA, validate_answer_rrs: { fail_if_not_matches_regexp: ['^zone\\.example\\.\\t\\d+\\tIN\\tSOA\\t'] } } }
  dns_missing: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: nosuch.test, query_type: A } }
  dns_wanted_missing: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: nosuch.test, query_type: A, valid_rcodes: [NXDOMAIN] } }
  dns_refused: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: www.example.org, query_type: A, recursion_desired: false } }
  dns_authority: { prober: dns, timeout: 2s, dns: { preferred_ip_protocol: ip4, query_name: ${name}, query_type: A, validate_authority_rrs: { fail_if_not_matches_regexp: [.] } } }
`

/** Modules and targets, both working and failing. */
export const probes = (banner: number, starttls: number, closed: number): [module: string, target: string][] => [
  ['http_2xx', `http://${name}/`],
  ['http_2xx', name],
  ['http_2xx', `http://[${address6}]/`],
  ['http_2xx', `http://${address4}/`],
  ['http_2xx', 'http://nosuch.test/'],
  ['http_2xx', `http://${address4}/missing`],
  ['http_ip4', `http://${name}/`],
  ['http_ip4', `http://${name}/modified.txt`],
  ['http_ip4', `http://${name}/chunked`],
  ['http_ip4', `http://${name}/empty`],
  ['http_ip4', `http://${name}/error`],
  ['http_ip4', `http://127.0.0.1:${closed}/`],
  ['http_ip4', `http://${name}/away`],
  ['http_ip4', `http://${name}/near`],
  ['http_ip4', `http://${name}/round`],
  ['http_ip4', `http://${name}/login`],
  ['http_ip4', `http://127.0.0.1:${banner}/`],
  ['http_only6', `http://${address4}/`],
  ['http_only6', `http://${name}/`],
  ['http_post', `http://${name}/echo`],
  ['http_head', `http://${name}/`],
  ['http_valid', `http://${name}/missing`],
  ['http_valid', `http://${name}/`],
  ['http_stay', `http://${name}/away`],
  ['http_stay_301', `http://${name}/away`],
  ['http_tls', `https://${name}/`],
  ['http_tls', `https://${address4}/`],
  ['http_tls', `http://${name}/secure`],
  ['http_tls', `https://${name}:8443/`],
  ['http_tls', `https://${name}:9443/`],
  ['http_tls', `https://${name}:80/`],
  ['http_tls_1', `https://${name}/`],
  ['http_tls_12', `https://${name}/`],
  ['http_tls_name', `https://${name}:9443/`],
  ['http_unverified', `https://${name}:8443/`],
  ['http_2xx', `https://${name}/`],
  ['http_no_tls', `https://${name}/`],
  ['http_no_tls', `http://${name}/`],
  ['http_only_tls', `http://${name}/`],
  ['http_only_tls', `https://${name}/`],
  ['http_version', `http://${name}/`],
  ['http_body', `http://${name}/`],
  ['http_body', `http://${name}/empty`],
  ['http_no_body', `http://${name}/`],
  ['http_header', `http://${name}/good`],
  ['http_header', `http://${name}/`],
  ['http_no_header', `http://${name}/good`],
  ['http_no_header', `http://${name}/`],
  ['http_auth', `http://${name}/private`],
  ['http_auth', `http://you:lion@${name}/private`],
  ['http_authorization', `http://${name}/private`],
  ['http_authorization', `http://you:lion@${name}/private`],
  ['http_zipped', `http://${name}/`],
  ['http_zipped', `http://${name}/empty`],
  ['http_zipped', `http://${name}/long.txt`],
  ['http_bearer', `http://${name}/private`],
  ['http_bearer', `http://${name}/token`],
  ['http_gzip', `http://${name}/long.txt`],
  ['http_gzip', `http://${name}/`],
  ['http_small', `http://${name}/`],
  ['http_short', `http://10.64.255.1:81/`],
  ['tcp', `${name}:80`],
  ['tcp', `${name}:http`],
  ['tcp', `127.0.0.1:${closed}`],
  ['tcp', name],
  ['tcp', 'nosuch.test:80'],
  ['tcp_source', `127.0.0.1:${banner}`],
  ['tcp_tls', `${name}:443`],
  ['tcp_tls', `${name}:8443`],
  ['tcp_tls', `${name}:80`],
  ['tcp_tls_unverified', `${name}:9443`],
  ['tcp_banner', `127.0.0.1:${banner}`],
  ['tcp_wrong', `127.0.0.1:${banner}`],
  ['tcp_starttls', `127.0.0.1:${starttls}`],
  ['tcp_starttls', `127.0.0.1:${banner}`],
  ['icmp', address4],
  ['icmp', name],
  ['icmp', 'nosuch.test'],
  ['icmp', '127.0.0.1'],
  ['icmp6', name],
  ['icmp6', address6],
  ['icmp_ttl', address4],
  ['icmp_large', address4],
  ['icmp_too_large', address4],
  ['dns_a', address6],
  ['dns_a', name],
  ['dns_any', address4],
  ['dns_tcp', address4],
  ['dns_mx', address4],
  ['dns_txt', address4],
  ['dns_txt_forbidden', address4],
  ['dns_srv', address4],
  ['dns_soa', `${address4}:53`],
  ['dns_soa', `${address4}:domain`],
  ['dns_missing', address4],
  ['dns_wanted_missing', address4],
  ['dns_refused', address4],
  ['dns_authority', address4],
  ['dns_tcp', `127.0.0.1:${closed}`],
]

export const nginxLocations = (files: string) => `
    root ${files};
    location = / { return 200 "hello\\n"; }
    location = /good { add_header X-Kind good; return 200 "hello\\n"; }
    location = /missing { return 404; }
    location = /error { return 500 "no"; }
    location = /empty { return 204; }
    location = /echo { if ($request_method != POST) { return 405; } if ($http_x_test != yes) { return 400; } return 200 "$content_length"; }
    location = /away { return 301 http://${name}/; }
    location = /near { return 302 /good; }
    location = /round { return 302 /round; }
    location = /secure { return 301 https://${name}/; }
    location = /login { if ($cookie_seen != 1) { add_header Set-Cookie "seen=1" always; return 302 /login; } return 200 "in"; }
    location = /private { if ($http_authorization != "Basic bWU6dGlnZXI=") { return 401; } return 200 "in"; }
    location = /token { if ($http_authorization != "Bearer abc") { return 401; } return 200 "in"; }
    location = /chunked { gzip on; gzip_min_length 1; gzip_types *; ssi on; default_type text/html; try_files /chunked.html =404; }
    location = /long.txt { gzip on; gzip_min_length 1; gzip_types text/plain; }
`

export const records = [
  `host-record=${name},${address4},${address6}`,
  `mx-host=${name},mail.test,10`,
  `txt-record=${name},"two words"`,
  `txt-record=${name},other`,
  'srv-host=_sip._udp.test,server.test,5060,1,2',
  'auth-server=ns.zone.example,nosuch0',
  `auth-zone=zone.example`,
  'auth-soa=2024010100,hostmaster.zone.example,1200,120,1209600',
]
