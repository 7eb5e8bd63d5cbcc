import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reachableConf, shareTimeLimit } from '../../src/protocols/dns/configuration.js'
import { parseHosts } from '../../src/protocols/dns/hosts.js'
import { parseResolvConf } from '../../src/protocols/dns/resolv-conf.js'
import { parseDnsServer } from '../../src/protocols/dns/server-address.js'
import { ParsedFile } from '../../src/protocols/dns/system-files.js'

const local = [
  { address: '127.0.0.1', port: 53 },
  { address: '::1', port: 53 },
]

test('an empty file means the local machine and the defaults of resolv.conf(5)', () => {
  expect(parseResolvConf('')).toEqual({
    servers: local,
    search: [],
    ndots: 1,
    timeout: 5000,
    attempts: 2,
    rotate: false,
    useTcp: false,
  })
})

test('servers, IPv6 with a zone among them, three at most', () => {
  const conf = parseResolvConf(
    '# a comment\n; another\nnameserver 192.0.2.1\nnameserver\tfe80::1%wan2\nnameserver nonsense\nnameserver 2001:db8::53 \nnameserver 192.0.2.9\n',
  )
  expect(conf.servers.map(({ address }) => address)).toEqual(['192.0.2.1', 'fe80::1%wan2', '2001:db8::53'])
})

test('options, the last one counts, drawn to their limits', () => {
  const conf = parseResolvConf(
    'options ndots:3 timeout:2 attempts:99 rotate\noptions trust-ad use-vc ndots:20 timeout:0 edns0\n',
  )
  expect(conf).toMatchObject({ ndots: 15, timeout: 1000, attempts: 5, rotate: true, useTcp: true })
})

test('search list and domain: the last line of either counts', () => {
  expect(parseResolvConf('domain one.example\nsearch A.example. b.example').search).toEqual(['a.example', 'b.example'])
  expect(parseResolvConf('search a.example\ndomain one.example two.example').search).toEqual(['one.example'])
})

test('carriage returns, tabs, and lines of nonsense do no harm', () => {
  const conf = parseResolvConf(
    'nameserver 192.0.2.1\r\nsearch example.net\r\n\0\0\nnameserver\noptions\noptions ndots:x ndots:\n',
  )
  expect(conf).toMatchObject({ servers: [{ address: '192.0.2.1', port: 53 }], search: ['example.net'], ndots: 1 })
})

test('name servers as text', () => {
  expect(parseDnsServer('192.0.2.1')).toEqual({ address: '192.0.2.1', port: 53 })
  expect(parseDnsServer('192.0.2.1:5353')).toEqual({ address: '192.0.2.1', port: 5353 })
  expect(parseDnsServer('2001:db8::1')).toEqual({ address: '2001:db8::1', port: 53 })
  expect(parseDnsServer('[2001:db8::1]:5353')).toEqual({ address: '2001:db8::1', port: 5353 })
  expect(parseDnsServer('[fe80::1%eth0]')).toEqual({ address: 'fe80::1%eth0', port: 53 })
  for (const wrong of [
    '',
    'example.net',
    '1.2.3',
    '1.2.3.4:',
    '1.2.3.4:0',
    '1.2.3.4:65536',
    '[1.2.3.4]:53',
    '[::1',
    '::1]:53',
  ])
    expect(parseDnsServer(wrong), wrong).toBeUndefined()
})

test('a file is read again when it has changed, and reads as empty when it is gone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-'))
  const path = join(folder, 'resolv.conf')
  let parsed = 0
  const file = new ParsedFile(path, text => {
    parsed++
    return text
  })
  try {
    expect(file.read()).toBe('')
    writeFileSync(path, 'one')
    expect(file.read()).toBe('one')
    expect(file.read()).toBe('one')
    expect(parsed).toBe(2)
    writeFileSync(path, 'two')
    utimesSync(path, new Date(0), new Date(0))
    expect(file.read()).toBe('two')
    rmSync(path)
    expect(file.read()).toBe('')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a file in a folder that somebody else made or may write to, or one that can not be read, counts as empty', () => {
  const own = process.getuid!()
  const folder = mkdtempSync(join(tmpdir(), 'netvia-files-'))
  const length = (path: string, owner = own) => new ParsedFile(path, text => text.length, owner).read()
  try {
    const [open, link] = [join(folder, 'open'), join(folder, 'link')]
    mkdirSync(open)
    symlinkSync('/etc', link)
    writeFileSync(join(open, 'file'), 'text')
    expect(length(join(open, 'file'))).toBe(4)
    expect(length(join(open, 'file'), own + 1)).toBe(0)
    for (const mode of [0o757, 0o775, 0o1777]) {
      chmodSync(open, mode)
      expect(length(join(open, 'file'))).toBe(0)
    }
    // Whoever made the link chose among all files of the owner.
    expect(length(join(link, 'passwd'))).toBe(0)
    expect(length(folder)).toBe(0)
    expect(new ParsedFile('/etc', text => text.length).read()).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('hundreds of thousands of lines take no longer than so many lines', () => {
  const many = Array.from({ length: 200_000 }, (_, index) => index)
  const hosts = many.map(index => `fd00::${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)} one.test`)
  expect(parseHosts(hosts.join('\n')).get('one.test')).toHaveLength(many.length)
  const conf = parseResolvConf(many.map(() => 'options ndots:3\nsearch example.net').join('\n'))
  expect(conf).toMatchObject({ ndots: 3, search: ['example.net'] })
})

test('through a device, a resolver of this machine gives way to the servers behind it', () => {
  const stub = parseResolvConf('nameserver 127.0.0.53\nsearch example.net\noptions ndots:2')
  const upstream = parseResolvConf('nameserver 127.0.0.1\nnameserver 192.0.2.53')
  const empty = parseResolvConf('')
  expect(reachableConf(stub, () => [empty, upstream])).toEqual({
    ...stub,
    servers: [{ address: '192.0.2.53', port: 53 }],
  })
  expect(reachableConf(stub, () => [empty])).toBe(stub)
  expect(reachableConf(upstream, () => [parseResolvConf('nameserver 192.0.2.99')])).toBe(upstream)
})

test('within a time limit every try but the last gets its share', () => {
  const conf = parseResolvConf('nameserver 192.0.2.1\nnameserver 192.0.2.2')
  expect(shareTimeLimit(conf, 1000)).toMatchObject({ timeout: 200, lastTimeout: 5000 })
  expect(shareTimeLimit(conf, 60_000).timeout).toBe(5000)
  expect(shareTimeLimit(conf, undefined)).toBe(conf)
})
