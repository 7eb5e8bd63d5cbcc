import { expect, test } from 'vitest'
import { parseHttpUrl } from '../../src/checks/http/url.js'
import { publicUrl } from '../../src/checks/public-url.js'

test.each([
  ['http://[fe80::1%25wan2]/', 'http://[fe80::1]/', 'wan2'],
  ['http://[fe80::1%wan2]:8080/a?b=%25#c', 'http://[fe80::1]:8080/a?b=%25#c', 'wan2'],
  ['https://me:p%40ss@[FE80::0001%25usb%2D0]/x', 'https://me:p%40ss@[fe80::1]/x', 'usb-0'],
  ['http://[fe80::1%253]/', 'http://[fe80::1]/', '3'],
  ['http://[::1]/[a%25b]', 'http://[::1]/[a%25b]', undefined],
  ['http://name.test/%25', 'http://name.test/%25', undefined],
])('%s (RFC 6874)', (text, href, zone) => {
  const { url, zone: found } = parseHttpUrl(text)!
  expect({ href: url.href, zone: found }).toEqual({ href, zone })
})

test.each(['', 'http://', 'http://[fe80::1%25]/', 'http://fe80::1%25wan2/', 'no url'])('%j is not a URL', text => {
  expect(parseHttpUrl(text)).toBeUndefined()
})

test('a displayed URL keeps the zone', () => {
  expect(publicUrl('http://me:secret@[fe80::1%25wan2]:8080/a?key=b')).toBe('http://[fe80::1%25wan2]:8080/a')
})

test('a displayed URL has no long part with a digit, and a very long one takes no time', () => {
  const [word, key] = ['w'.repeat(30), `${'k'.repeat(30)}1`]
  expect(publicUrl(`http://a.test/${word}/${key}/v1`)).toBe(`http://a.test/${word}/…/v1`)
  // A pattern that looks ahead from each character would take an hour for this.
  const long = `http://a.test/${'x'.repeat(2 ** 20)}`
  expect(publicUrl(long)).toBe(long)
})
