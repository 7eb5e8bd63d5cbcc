import { describe, expect, test } from 'vitest'
import { joinHostPort, NetviaError, splitHostPort } from '../../src/index.js'

describe('splitHostPort', () => {
  test.each([
    ['server.test:80', 'server.test', 80],
    ['192.0.2.1:0', '192.0.2.1', 0],
    ['[2001:db8::1]:65535', '2001:db8::1', 65_535],
    ['[fe80::1%wan2]:80', 'fe80::1%wan2', 80],
  ])('splits %s, and joinHostPort reverses that', (text, host, port) => {
    expect(splitHostPort(text)).toEqual({ host, port })
    expect(joinHostPort(host, port)).toBe(text)
  })

  test.each([
    ['server.test', 'server.test'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['fe80::1%wan2', 'fe80::1%wan2'],
  ])('takes the default port for %s', (text, host) => {
    expect(splitHostPort(text, 53)).toEqual({ host, port: 53 })
    expect(() => splitHostPort(text)).toThrow(NetviaError)
  })

  test.each([
    '',
    ':80',
    'a:b',
    'a:',
    'a:-1',
    'a:65536',
    'a:1:2',
    '[::1',
    '::1]:80',
    '[a]:80',
    '[::1]80',
    '[[::1]]:80',
    'a:1e3',
  ])('refuses %j with and without a default', text => {
    const refusal = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(() => splitHostPort(text)).toThrow(refusal)
    expect(() => splitHostPort(text, 80)).toThrow(refusal)
  })

  test.each([undefined, null, 80, {}])('refuses %j', value => {
    expect(() => splitHostPort(value as unknown as string)).toThrow(/must be "host:port"/)
  })

  test.each([undefined, null, '80', Symbol('odd'), Object.create(null)])('refuses to join invalid ports, %#', value => {
    expect(() => joinHostPort('a', value as number)).toThrow(/joinHostPort: port must be a number/)
  })

  test('refuses an invalid default port', () => {
    expect(() => splitHostPort('a', 65_536)).toThrow(/defaultPort must be an integer from 0 to 65535/)
  })
})
