import { describe, expect, it } from 'vitest'
import { firstMatch, type Match } from '../../src/checks/match.js'
import { goRegExp } from '../../src/cli/exporter/go-regexp.js'
import { exposition, ProbeMetrics } from '../../src/cli/exporter/metrics.js'
import { addressHash } from '../../src/cli/exporter/probe/address.js'
import { hostAndPort } from '../../src/cli/exporter/probe/connection.js'
import { distinguishedName } from '../../src/cli/exporter/probe/distinguished-name.js'
import { recordText } from '../../src/cli/exporter/probe/record-text.js'
import { expand } from '../../src/cli/exporter/probe/tcp.js'
import { certificatesIn } from '../../src/cli/exporter/probe/tls.js'
import { timeoutOf } from '../../src/cli/exporter/scrape.js'

describe('a Go regular expression', () => {
  it.each([
    ['a.c', 'a\rc', true],
    ['a.c', 'a\nc', false],
    ['(?s)a.c', 'a\nc', true],
    ['(?i)HELLO', 'say hello', true],
    ['(?m)^b$', 'a\nb\nc', true],
    ['^b$', 'a\nb\nc', false],
    ['(?m)^b$', 'a\rb\rc', false],
    ['\\Ab', 'a\nb', false],
    ['b\\z', 'b\n', false],
    ['^220 .*ESMTP (.+)$', '220 mx ESMTP ready', true],
    ['[[:alpha:]]+[[:digit:]]', 'abc1', true],
    ['[^[:space:]]', ' \t', false],
    ['\\Qa.b\\E', 'axb', false],
    ['\\Qa.b\\E', 'a.b', true],
    ['a{,2}', 'a{,2}', true],
    ['x{2}', 'xx', true],
    ['\\x{1F600}', '\u{1F600}', true],
    ['\\pL', 'é', true],
    ['\\p{Greek}', 'α', true],
    ['[a\\-z]', '-', true],
    ['\\_\\-\\"', '_-"', true],
    ['\\s', '\u00a0', false],
    ['[]a]', ']', true],
    ['}', '}', true],
    ['.', '\u{1F600}', true],
  ])('%s finds the same as in Go: %j', (pattern, text, found) => {
    expect(goRegExp(pattern).test(text)).toBe(found)
  })

  it.each(['a(?=b)', '(a)\\1', '\\C', 'a(?i)b', '[a', '(', '[[:bogus:]]', '(?U)a'])('%s is refused', pattern => {
    expect(() => goRegExp(pattern)).toThrow(/is not supported: /)
  })

  it('provides its groups by number and by name', async () => {
    const match = (await firstMatch(['PING :42 me'], goRegExp('PING :([^ ]+) (?P<who>\\w+)'))) as Match
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration file has this syntax
    expect(expand('PONG ${1} $who $$ $2 ${none}!', match)).toBe('PONG 42 me $ me !')
    expect(expand('$1x', match)).toBe('')
  })
})

describe('metrics', () => {
  it('are sorted, with the device first and everything escaped', () => {
    const [one, two] = [new ProbeMetrics('wan1'), new ProbeMetrics('wan2')]
    one.set('b', 'Help', 1, { subject: 'CN="a\\b"\n' })
    one.add('a', 'Sum', 1)
    one.add('a', 'Sum', 2)
    two.set('a', 'Sum', 5)
    expect(exposition([one, two])).toBe(
      [
        '# HELP a Sum',
        '# TYPE a gauge',
        'a{device="wan1"} 3',
        'a{device="wan2"} 5',
        '# HELP b Help',
        '# TYPE b gauge',
        'b{device="wan1",subject="CN=\\"a\\\\b\\"\\n"} 1',
        '',
      ].join('\n'),
    )
  })
})

describe('the parts of a probe', () => {
  it.each([
    ['mail.test:25', 25],
    ['mail.test:smtp', 25],
    ['mail.test:IMAPS', 993],
    ['[2001:db8::1]:https', 443],
    ['mail.test:nosuch-service', undefined],
    ['mail.test:constructor', undefined],
    ['mail.test:', undefined],
    ['mail.test', undefined],
    ['2001:db8::25', undefined],
  ])('the port of %s is %j', (target, port) => {
    expect(hostAndPort(target)?.port).toBe(port)
  })

  it('hash addresses with FNV-1a over their bytes, like blackbox_exporter', () => {
    expect(addressHash('203.0.113.1')).toBe(2_166_292_308)
    expect(addressHash('127.0.0.1')).toBe(3_668_918_509)
  })

  it('find the certificates of a file, and many beginnings without an end in less than a minute', () => {
    const certificate = '-----BEGIN CERTIFICATE-----\nMIIB+/==\n-----END CERTIFICATE-----'
    const begun = performance.now()
    const text = `a\n${certificate}\n${certificate}${'-----BEGIN CERTIFICATE-----'.repeat(50_000)}`
    expect(certificatesIn(text)).toEqual([certificate, certificate])
    expect(performance.now() - begun).toBeLessThan(60_000)
  }, 600_000)

  it('format certificate names like Go', () => {
    expect(distinguishedName('C=DE\nO=Example\nOU=A\nOU=B\nCN=server.test')).toBe(
      'CN=server.test,OU=A+OU=B,O=Example,C=DE',
    )
  })

  it.each([
    [undefined, '10', 9500],
    [2000, '10', 2000],
    [20_000, '10', 9500],
    [undefined, undefined, 119_500],
    [2000, undefined, 2000],
    [2000, '0.2', 2000],
    [undefined, '1e9', 2 ** 31 - 1],
  ])('use the shorter timeout: module %s, scrape %s', (timeout, timeoutHeader, expected) => {
    const request = { timeoutHeader, timeoutOffset: 500, parameters: new URLSearchParams(), userAgent: '' }
    const { signal } = new AbortController()
    expect(timeoutOf({ prober: 'icmp', timeout }, { ...request, signal })).toBe(expected)
  })
})

it('an AAAA record has the text of RFC 5952, as in Go', () => {
  const record = { type: 'AAAA', name: 'a.test', ttl: 60, class: 'IN', data: '2001:db8::1:0:0:0' } as const
  expect(recordText(record)).toBe('a.test.\t60\tIN\tAAAA\t2001:db8:0:0:1::')
})
