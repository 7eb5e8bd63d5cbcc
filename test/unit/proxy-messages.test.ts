import { describe, expect, it } from 'vitest'
import { Blocks, block } from '../../src/proxy/blocks.js'
import { Guesses } from '../../src/proxy/guesses.js'
import { forwardsLeft, parseAbsolute, parseAuthority, passedOn } from '../../src/proxy/http-messages.js'
import { ClientLimits } from '../../src/proxy/limits.js'
import {
  encodeDatagram,
  encodeReply,
  type Parsed,
  parseDatagram,
  parseGreeting,
  parsePassword,
  parseRequest,
} from '../../src/proxy/socks-messages.js'
import { Targets } from '../../src/proxy/targets.js'
import { Users } from '../../src/proxy/users.js'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const name = (text: string) =>
  Buffer.concat([hex('05 01 00 03'), Buffer.of(text.length), Buffer.from(text), hex('0050')])

describe('SOCKS5 messages', () => {
  const messages: [string, (bytes: Buffer) => Parsed<unknown>, Buffer, unknown][] = [
    ['a greeting', parseGreeting, hex('05 02 00 02'), hex('00 02')],
    ['a greeting without methods', parseGreeting, hex('05 00'), hex('')],
    ['user and password', parsePassword, hex('01 02 6162 03 637a7a'), { name: 'ab', password: 'czz' }],
    ['an empty password', parsePassword, hex('01 01 61 00'), { name: 'a', password: '' }],
    ['an IPv4 target', parseRequest, hex('05 01 00 01 cb007101 01bb'), { command: 1, host: '203.0.113.1', port: 443 }],
    [
      'an IPv6 target',
      parseRequest,
      hex('05 03 00 04 20010db8 00000000 00000000 00000001 0035'),
      { command: 3, host: '2001:db8::1', port: 53 },
    ],
    ['a name', parseRequest, name('server.test'), { command: 1, host: 'server.test', port: 80 }],
    ['the longest name', parseRequest, name('a'.repeat(255)), { command: 1, host: 'a'.repeat(255), port: 80 }],
  ]

  it.each(messages)('%s is read in any number of pieces, and leaves what follows', (_what, parse, bytes, value) => {
    for (let length = 0; length < bytes.length; length++) expect(parse(bytes.subarray(0, length))).toBeUndefined()
    expect(parse(bytes)).toEqual({ value, length: bytes.length })
    expect(parse(Buffer.concat([bytes, hex('05 01 00')]))).toEqual({ value, length: bytes.length })
  })

  it.each([
    ['SOCKS4', parseGreeting, hex('04 01')],
    ['another version of the password message', parsePassword, hex('05 01')],
    ['another version of the request', parseRequest, hex('04 01 00 01 00')],
    ['an unknown type of address', parseRequest, hex('05 01 00 02 00 00 00')],
    ['an empty name', parseRequest, name('')],
    ['a name with a NUL', parseRequest, name('a\0b')],
    ['a name with a line end', parseRequest, name('a\r\nb')],
    ['a name with a slash', parseRequest, name('a/b')],
    ['a name that is not UTF-8', parseRequest, hex('05 01 00 03 02 ff fe 00 50')],
  ] as const)('%s is refused', (_what, parse, bytes) => {
    expect(() => parse(bytes)).toThrow()
  })

  it('a reply has the bound address', () => {
    expect(encodeReply(0, '192.0.2.1', 258)).toEqual(hex('05 00 00 01 c0000201 0102'))
    expect(encodeReply(2)).toEqual(hex('05 02 00 01 00000000 0000'))
  })

  it('a datagram is encoded and decoded unchanged', () => {
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      const data = Buffer.from('hello')
      expect(parseDatagram(encodeDatagram(address, 53, data))).toEqual({ host: address, port: 53, data })
    }
  })

  it.each([
    ['too short', '0000'],
    ['a fragment', '0000 01 01 c0000201 0035 61'],
    ['reserved bytes', '0001 00 01 c0000201 0035 61'],
    ['an unknown type of address', '0000 00 09 c0000201 0035 61'],
    ['an address cut off', '0000 00 01 c000'],
    ['a name cut off', '0000 00 03 09 61 62'],
  ])('a datagram is dropped: %s', (_what, bytes) => {
    expect(parseDatagram(hex(bytes))).toBeUndefined()
  })
})

describe('HTTP targets', () => {
  it.each([
    ['server.test:443', { host: 'server.test', port: 443 }],
    ['203.0.113.1:1', { host: '203.0.113.1', port: 1 }],
    ['[2001:db8::1]:65535', { host: '2001:db8::1', port: 65_535 }],
  ])('CONNECT %s', (text, target) => expect(parseAuthority(text)).toEqual(target))

  it.each([
    ...['server.test', 'server.test:', 'server.test:0', 'server.test:65536', ':443', 'a b:1', 'user@server.test:1'],
    ...['http://server.test:80', '2001:db8::1:80', '[::1', '[a]b:80', 'a%00b:80', '/'],
  ])('CONNECT %s is refused', text => expect(parseAuthority(text)).toBeUndefined())

  it.each([
    ['http://server.test', { host: 'server.test', port: 80, path: '/', authority: 'server.test' }],
    [
      'http://server.test:8080/a?b=c',
      { host: 'server.test', port: 8080, path: '/a?b=c', authority: 'server.test:8080' },
    ],
    ['http://server.test?b', { host: 'server.test', port: 80, path: '/?b', authority: 'server.test' }],
    ['HTTP://[2001:db8::1]/%7e/../x', { host: '2001:db8::1', port: 80, path: '/%7e/../x', authority: '[2001:db8::1]' }],
    ['http://2130706433/', { host: '127.0.0.1', port: 80, path: '/', authority: '127.0.0.1' }],
  ])('%s', (url, target) => expect(parseAbsolute('GET', url)).toEqual(target))

  it.each([
    ['http://server.test', '*'],
    ['http://server.test:8080', '*'],
    ['http://server.test/', '/'],
    ['http://server.test?b', '/?b'],
  ])('OPTIONS %s', (url, path) => expect(parseAbsolute('OPTIONS', url)).toMatchObject({ path }))

  it.each([
    ['OPTIONS', '3', 3],
    ['OPTIONS', '0', 0],
    ['OPTIONS', undefined, Number.POSITIVE_INFINITY],
    ['OPTIONS', '-1', Number.POSITIVE_INFINITY],
    ['GET', '0', Number.POSITIVE_INFINITY],
  ])('Max-Forwards: a %s with %s', (method, limit, left) => {
    expect(forwardsLeft(method, limit)).toBe(left)
  })

  it.each([
    '/',
    '*',
    'https://server.test/',
    'ftp://server.test/',
    'http://',
    'http://a:b@server.test/',
    'http://x:99999/',
    'http://x:0/',
  ])('%s is refused', url => expect(parseAbsolute('GET', url)).toBeUndefined())

  it('hop-by-hop fields and those that Connection names are removed, and others stay unchanged', () => {
    const given = {
      Accept: '*/*',
      Connection: 'keep-alive, X-Own, Content-Length',
      'X-Own': '1',
      'Content-Length': '3',
      'Proxy-Authorization': 'Basic eA==',
      'Proxy-Connection': 'keep-alive',
      'Transfer-Encoding': 'chunked',
      TE: 'trailers',
      Upgrade: 'h2c',
      'Set-Cookie': 'a',
      'set-cookie': 'b',
    }
    expect(passedOn(Object.entries(given).flat(), '1.1')).toEqual([
      ...['Accept', '*/*', 'Content-Length', '3', 'Set-Cookie', 'a', 'set-cookie', 'b', 'Via', '1.1 netvia'],
    ])
  })
})

describe('allowed clients and targets', () => {
  it.each([
    ...[
      '127.0.0.1',
      '127.9.9.9',
      '0.0.0.0',
      '::',
      '::1',
      '::ffff:127.0.0.1',
      '169.254.169.254',
      'fe80::1',
      'fe80::1%lo',
    ],
    ...['10.1.2.3', '172.31.0.1', '192.168.0.1', '100.64.0.1', 'fd00::1', '224.0.0.251', '255.255.255.255', 'ff02::1'],
    ...['198.18.0.1', '198.19.255.255', '192.0.0.1', '100::1', '2001:2::1', '::ffff:0:10.0.0.1', '::ffff:0:127.0.0.1'],
    ...['::ffff:10.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::127.0.0.1', '2002:c0a8:1::1', '::10.0.0.1', '64:ff9b:1::1'],
    ...['::ffff:a00:1', '0:0:0:0:0:FFFF:7f00:1', '::ffff:127.0.0.1%lo', '::127.0.0.1', '64:ff9b::7f00:1', 'fec0::1'],
    ...['2001:0:cb00:7101::1', '2001:db8::5efe:10.0.0.1', '2001:db8::200:5efe:a00:1', '100:0:0:1::1', '5f00::1'],
  ])('the target %s is refused', address => {
    expect(() => new Targets(new Blocks([])).check(address)).toThrow(
      expect.objectContaining({ code: 'ERR_PROXY_TARGET' }),
    )
    expect(() => new Targets(new Blocks(['0.0.0.0/0', '::/0'])).check(address)).not.toThrow()
  })

  it.each([
    '203.0.113.1',
    '172.32.0.1',
    '11.0.0.1',
    '2001:db8::1',
    '64:ff9b::203.0.113.1',
    '2002:cb00:7101::1',
    '2001:db8::5efe:203.0.113.1',
    '2001:1::1',
    '198.20.0.1',
  ])('the target %s is allowed', address => expect(() => new Targets(new Blocks([])).check(address)).not.toThrow())

  it('blocks match mapped addresses', () => {
    const blocks = new Blocks(['192.168.1.0/24', '2001:db8::/32', '::ffff:10.0.0.0/104'])
    expect(['192.168.1.9', '::ffff:192.168.1.9', '2001:db8::9', '10.9.9.9'].map(a => blocks.has(a))).toEqual(
      Array(4).fill(true),
    )
    expect(['192.168.2.1', '2001:db9::', '::192.168.1.9', 'x', ''].map(a => blocks.has(a))).toEqual(
      Array(5).fill(false),
    )
  })

  it('a mapped address counts as its IPv4 address, not as an IPv6 address', () => {
    for (const address of ['10.0.0.1', '::ffff:10.0.0.1']) expect(new Blocks(['::/0']).has(address)).toBe(false)
    expect(new Blocks(['0.0.0.0/0']).has('::ffff:10.0.0.1')).toBe(true)
    // With only a part of the mapped prefix, it would also contain other addresses.
    expect(() => block('::ffff:10.0.0.0/90', 'allow')).toThrow(/must be an address or a block/)
    expect(block('::ffff:10.0.0.0/104', 'allow')).toBe('::ffff:10.0.0.0/104')
  })

  it('users need the correct password', () => {
    const users = new Users({ ann: 'secret', toString: 'x' })
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    expect([users.accepts('client', 'ann', 'secret'), users.acceptsBasic('client', basic('ann:secret'))]).toEqual([
      true,
      true,
    ])
    for (const [user, password] of [
      ['ann', 'Secret'],
      ['ann', ''],
      ['bob', 'secret'],
      ['__proto__', ''],
      ['', ''],
    ] as const)
      expect(users.accepts('client', user, password)).toBe(false)
    for (const field of [undefined, '', 'Basic', 'Basic !', 'Bearer secret', basic('ann'), basic('ann:secret ')])
      expect(users.acceptsBasic('client', field)).toBe(false)
  })

  it('a client has ten guesses for each user, then one every 5 s', () => {
    let now = 0
    const guesses = new Guesses(() => now)
    const guess = (password: string, user = 'ann', client = 'one') =>
      guesses.check(client, user, password, () => password === 'secret')
    // An outdated password that is repeated is one guess.
    for (let i = 0; i < 100; i++) expect(guess('old')).toBe(false)
    expect(guess('secret')).toBe(true)
    for (let i = 0; i < 9; i++) expect(guess(`wrong ${i}`)).toBe(false)
    expect(guess('secret')).toBe(false)
    expect([guess('secret', 'bob'), guess('secret', 'ann', 'two')]).toEqual([true, true])
    now = 4999
    expect(guess('secret')).toBe(false)
    now = 5000
    expect(guess('wrong')).toBe(false)
    expect(guess('secret')).toBe(false)
    now = 10_000
    expect(guess('secret')).toBe(true)
  })

  it('a proxy forgets the oldest of many clients', () => {
    const guesses = new Guesses(() => 0)
    const compared = (client: string) => {
      let count = 0
      guesses.check(client, 'ann', 'wrong', () => {
        count++
        return false
      })
      return count
    }
    for (let i = 0; i < 10_000; i++) compared(`${i}`)
    expect([compared('1'), compared('new'), compared('1'), compared('0')]).toEqual([0, 1, 0, 1])
  })

  it('connections are limited in total and per client, where a client is a /64', () => {
    const limits = new ClientLimits(4, 2)
    const [first] = [limits.enter('192.0.2.1'), limits.enter('::ffff:192.0.2.1')]
    expect(limits.enter('192.0.2.1')).toBeUndefined()
    expect([limits.enter('2001:db8::1'), limits.enter('2001:db8::2')]).not.toContain(undefined)
    expect([limits.enter('2001:db8::3'), limits.enter('192.0.2.2')]).toEqual([undefined, undefined])
    limits.leave(first!)
    expect(limits.enter('2001:db8::3')).toBeUndefined()
    expect(limits.enter('192.0.2.1')).toBeDefined()
  })
})
