import { expect, test } from 'vitest'
import { isLocalhost, reverseName, searchNames, wireName } from '../../src/protocols/dns/names.js'

test('names on the wire: lower case, no dot at the end, IDN in punycode', () => {
  expect(wireName('Example.COM.')).toBe('example.com')
  expect(wireName('bücher.example')).toBe('xn--bcher-kva.example')
  expect(wireName('例え.テスト')).toBe('xn--r8jz45g.xn--zckzah')
  expect(wireName('_sip._tcp.example')).toBe('_sip._tcp.example')
})

test('invalid domain names', () => {
  const wrong = [
    '',
    '.',
    '..',
    'a..b',
    '.a',
    'a b',
    'a\0b',
    `${'a'.repeat(64)}.example`,
    'a.'.repeat(128),
    `${'ä'.repeat(60)}.example`,
  ]
  for (const name of wrong) expect(wireName(name), name).toBeUndefined()
  expect(wireName(`${'a'.repeat(63)}.example`)).toBeDefined()
})

test('localhost', () => {
  expect(['localhost', 'a.localhost'].every(isLocalhost)).toBe(true)
  expect(['localhost.example', 'notlocalhost', ''].some(isLocalhost)).toBe(false)
})

test('the search list: names with ndots dots are tried unchanged first', () => {
  const conf = { search: ['one.example', 'two.example'], ndots: 1 }
  expect(searchNames('host', 'host', conf)).toEqual(['host.one.example', 'host.two.example', 'host'])
  expect(searchNames('a.b', 'a.b', conf)).toEqual(['a.b', 'a.b.one.example', 'a.b.two.example'])
  expect(searchNames('a.b', 'a.b', { ...conf, ndots: 2 })).toEqual(['a.b.one.example', 'a.b.two.example', 'a.b'])
  expect(searchNames('host.', 'host', conf)).toEqual(['host'])
  expect(searchNames('x'.repeat(63), 'x'.repeat(63), { search: ['y.'.repeat(100)], ndots: 1 })).toEqual([
    'x'.repeat(63),
  ])
})

test('names of addresses', () => {
  expect(reverseName(Uint8Array.of(192, 0, 2, 5))).toBe('5.2.0.192.in-addr.arpa')
  const bytes = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1f)
  expect(reverseName(bytes)).toBe('f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa')
})
