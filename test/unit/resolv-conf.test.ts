import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { reachableConf } from '../../src/protocols/dns/configuration.js'
import { parseDnsmasq, parseOpenWrt, parseVariable } from '../../src/protocols/dns/forwarder-files.js'
import { parseHosts } from '../../src/protocols/dns/hosts.js'
import { parseResolvConf } from '../../src/protocols/dns/resolv-conf.js'
import { parseDnsServer } from '../../src/protocols/dns/server-address.js'
import { ParsedFile } from '../../src/protocols/dns/system-files.js'
import { withoutDescriptors } from './without-descriptors.js'

const local = [
  { address: '127.0.0.1', port: 53 },
  { address: '::1', port: 53 },
]

test('an empty file means the local machine and the defaults of resolv.conf(5)', () => {
  expect(parseResolvConf('')).toEqual({
    servers: local,
    unusable: [],
    external: [],
    search: [],
    ndots: 1,
    timeout: 5000,
    attempts: 2,
    rotate: false,
    useTcp: false,
  })
})

test('servers, including IPv6 with a zone, and invalid ones', () => {
  const conf = parseResolvConf(
    '# a comment\n; another\nnameserver 192.0.2.1\nnameserver\tfe80::1%wan2\nnameserver nonsense\nnameserver 2001:db8::53 \nnameserver 192.0.2.9\n',
  )
  expect(conf.servers.map(({ address }) => address)).toEqual(['192.0.2.1', 'fe80::1%wan2', '2001:db8::53', '192.0.2.9'])
  expect(conf.unusable).toEqual([{ text: 'nonsense', why: 'is not an address' }])
})

test('options: the last one counts, within limits', () => {
  const conf = parseResolvConf(
    'options ndots:3 timeout:2 attempts:99 rotate\noptions trust-ad use-vc ndots:20 timeout:0 edns0\n',
  )
  expect(conf).toMatchObject({ ndots: 15, timeout: 1000, attempts: 5, rotate: true, useTcp: true })
})

test('search list and domain: the last of either counts', () => {
  expect(parseResolvConf('domain one.example\nsearch A.example. b.example').search).toEqual(['a.example', 'b.example'])
  expect(parseResolvConf('search a.example\ndomain one.example two.example').search).toEqual(['one.example'])
})

test('carriage returns, tabs and invalid lines do no harm', () => {
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

test('a file is read again after a change, and reads as empty when it is gone', async () => {
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
    await sleep(200)
    expect(file.read()).toBe('one')
    const before = parsed
    expect(file.read()).toBe('one')
    expect(parsed).toBe(before)
    writeFileSync(path, 'two')
    utimesSync(path, new Date(0), new Date(0))
    expect(file.read()).toBe('two')
    rmSync(path)
    expect(file.read()).toBe('')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a change with the same size and times is detected', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'resolv.conf')
  const file = new ParsedFile(path, text => text)
  // Two writes are usually within one tick of the file system's clock.
  for (let i = 10; i < 99; i++) {
    writeFileSync(path, `server ${i}`)
    expect(file.read()).toBe(`server ${i}`)
  }
  await sleep(200)
  expect(file.read()).toBe('server 98')
  const { atime, mtime } = statSync(path)
  utimesSync(path, atime, mtime)
  expect(file.read()).toBe('server 98')
  writeFileSync(path, 'server 99')
  utimesSync(path, atime, mtime)
  expect(file.read()).toBe('server 99')
})

test('without free descriptors, reading is an error, not an empty file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-files-'))
  const path = join(folder, 'hosts')
  writeFileSync(path, 'text')
  const file = new ParsedFile(path, text => text)
  await withoutDescriptors(() => {
    expect(() => file.read()).toThrow(expect.objectContaining({ code: 'EMFILE' }))
  })
  expect(file.read()).toBe('text')
  rmSync(folder, { recursive: true })
})

test('a FIFO counts as empty, without waiting', () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-files-'))
  const path = join(folder, 'fifo')
  execFileSync('mkfifo', [path])
  // The text that a reader would get.
  const writer = spawn('sh', ['-c', 'echo 127.0.0.1 name > "$0"', path])
  try {
    expect(new ParsedFile(path, text => text).read()).toBe('')
  } finally {
    writer.kill()
    rmSync(folder, { recursive: true })
  }
})

test('a file in a folder that another user owns or can write to, or an unreadable file, counts as empty', () => {
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
    // The owner of the link could choose any file of the reading user.
    expect(length(join(link, 'passwd'))).toBe(0)
    expect(length(folder)).toBe(0)
    expect(new ParsedFile('/etc', text => text.length).read()).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a file that exists and cannot be read is remembered as such until it changes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'resolv.conf')
  const file = new ParsedFile(path, text => text)
  const outcome = () => ({ text: file.read(), errno: file.errno })
  expect(outcome()).toEqual({ text: '', errno: 0 })
  mkdirSync(path)
  expect(outcome()).toEqual({ text: '', errno: -constants.errno.EISDIR })
  rmSync(path, { recursive: true })
  symlinkSync(path, path)
  expect(outcome()).toEqual({ text: '', errno: -constants.errno.ELOOP })
  rmSync(path)
  writeFileSync(path, 'text')
  expect(outcome()).toEqual({ text: 'text', errno: 0 })
})

test('hundreds of thousands of lines are read in linear time', () => {
  const many = Array.from({ length: 200_000 }, (_, index) => index)
  const hosts = many.map(index => `fd00::${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)} one.test`)
  expect(parseHosts(hosts.join('\n')).get('one.test')).toHaveLength(many.length)
  const conf = parseResolvConf(many.map(() => 'options ndots:3\nsearch example.net').join('\n'))
  expect(conf).toMatchObject({ ndots: 3, search: ['example.net'] })
})

describe('through a device', () => {
  const texts = (servers: readonly { address: string }[]) => servers.map(({ address }) => address)
  const upstreams = (ofDevice: string[], others: string[]) => () => ({
    ofDevice: ofDevice.map(text => parseDnsServer(text)!),
    others: others.map(text => parseDnsServer(text)!),
  })
  const stub = parseResolvConf('nameserver 127.0.0.53\nsearch example.net\noptions ndots:2')

  test.each(['127.0.0.53', '127.0.0.11', '0.0.0.0', '::', '::1'])(
    'a resolver on this machine at %s is replaced by its upstream servers, and is named',
    address => {
      const conf = reachableConf(
        { ...stub, servers: [parseDnsServer(address)!] },
        'wan2',
        upstreams([], ['192.0.2.53']),
      )
      expect(conf).toMatchObject({ search: ['example.net'], ndots: 2, servers: [{ address: '192.0.2.53', port: 53 }] })
      expect(conf.unusable).toMatchObject([{ text: address, why: expect.stringContaining('wan2') }])
    },
  )
  test('the servers of this device count, and others in the list', () => {
    const conf = parseResolvConf('nameserver 127.0.0.1\nnameserver 192.0.2.9')
    expect(texts(reachableConf(conf, 'wan2', upstreams(['192.0.2.53', '127.0.0.1'], ['192.0.2.1'])).servers)).toEqual([
      '192.0.2.53',
      '192.0.2.9',
    ])
    expect(texts(reachableConf(conf, 'wan2', upstreams([], ['192.0.2.1'])).servers)).toEqual(['192.0.2.9'])
  })
  test('the hint helps if no server is left', () => {
    const conf = reachableConf(stub, 'wan2', upstreams([], []))
    expect(conf.servers).toEqual([])
    expect(conf.unusable[0]!.hint).toContain('give servers')
  })
  test('without a device nothing changes, and no other files are read', () => {
    expect(reachableConf(stub, undefined, upstreams([], ['192.0.2.1'])).servers).toEqual(stub.servers)
    const remote = parseResolvConf('nameserver 192.0.2.53')
    const never = () => expect.unreachable()
    expect(reachableConf(remote, 'wan2', never).servers).toEqual(remote.servers)
  })
})

test('a server in the zone of a missing device is skipped and named', () => {
  const conf = reachableConf(parseResolvConf('nameserver fe80::1%usb9\nnameserver 192.0.2.53'), undefined)
  expect(conf.servers).toEqual([{ address: '192.0.2.53', port: 53 }])
  expect(conf.unusable).toMatchObject([{ text: 'fe80::1%usb9' }])
})

test('the upstream servers of a Docker network, as its resolver lists them', () => {
  const conf = parseResolvConf('nameserver 127.0.0.11\n# ExtServers: [192.0.2.53 host(192.0.2.54)]\n')
  expect(conf.external.map(({ address }) => address)).toEqual(['192.0.2.53', '192.0.2.54'])
})

test('dnsmasq, with servers for a device, for a domain, and in files', () => {
  const text = `
    no-resolv
    #server=192.0.2.1
    server=192.0.2.53
    server = 2001:db8::53#5353@wan2
    server=192.0.2.54@192.0.2.7@wan1
    server=/corp.example/192.0.2.99
    server=/corp.example/
    resolv-file=/run/other.conf`
  expect(parseDnsmasq(text)).toEqual({
    servers: [
      { server: { address: '192.0.2.53', port: 53 }, device: undefined },
      { server: { address: '2001:db8::53', port: 5353 }, device: 'wan2' },
      { server: { address: '192.0.2.54', port: 53 }, device: 'wan1' },
    ],
    resolvFiles: ['/run/other.conf'],
  })
})

test("OpenWrt's interfaces and systemd's links", () => {
  const auto = '# Interface lan\n# Interface wan\nnameserver 192.0.2.53\n# Interface wan6\nnameserver fe80::1%wan2\n'
  expect(parseOpenWrt(auto).map(({ name, servers }) => [name, servers.map(({ address }) => address)])).toEqual([
    ['wan', ['192.0.2.53']],
    ['wan6', ['fe80::1%wan2']],
  ])
  const link =
    '# Private\nDNS_DEFAULT_ROUTE=yes\nDNS=192.0.2.53 2001:db8::53 192.0.2.54%3#a.example [fe80::1]:5353%3 nonsense\n'
  expect(parseVariable(link, 'DNS')).toEqual([
    { address: '192.0.2.53', port: 53 },
    { address: '2001:db8::53', port: 53 },
    { address: '192.0.2.54', port: 53 },
    { address: 'fe80::1%3', port: 5353 },
  ])
  expect(parseVariable(link, 'SERVERS')).toEqual([])
})
