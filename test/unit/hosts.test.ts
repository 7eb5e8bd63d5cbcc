import { expect, test } from 'vitest'
import { parseHosts } from '../../src/protocols/dns/hosts.js'

test('names and aliases, comments, both families, without case', () => {
  const hosts = parseHosts(
    '127.0.0.1\tlocalhost loghost # the usual\n::1 localhost\n#192.0.2.1 hidden\n 192.0.2.7  Web.Example.NET. web\n192.0.2.8 web web\nfe80::1%eth0 router\n',
  )
  expect(hosts.get('localhost')).toEqual([
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ])
  expect(hosts.get('loghost')).toEqual([{ address: '127.0.0.1', family: 4 }])
  expect(hosts.get('web.example.net')).toEqual([{ address: '192.0.2.7', family: 4 }])
  expect(hosts.get('web')).toEqual([
    { address: '192.0.2.7', family: 4 },
    { address: '192.0.2.8', family: 4 },
  ])
  expect(hosts.get('router')).toEqual([{ address: 'fe80::1%eth0', family: 6 }])
  expect(hosts.has('hidden')).toBe(false)
})

test('invalid lines do no harm', () => {
  const hosts = parseHosts(
    'nonsense name\n1.2.3 short\n192.0.2.1\n\n\0\n192.0.2.2 good\r\n__proto__ x\n192.0.2.3 __proto__\n192.0.2.4 \r\n192.0.2.5  # none\n192.0.2.6#x y',
  )
  expect([...hosts.keys()]).toEqual(['good', '__proto__'])
  expect(parseHosts(`${'\r'.repeat(200_000)}\n192.0.2.1 ${' '.repeat(200_000)}\n`).size).toBe(0)
})

test('a list that blocks 100,000 names stores their address once', () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `0.0.0.0 ads${index}.example.com`)
  const hosts = parseHosts([...lines, '192.0.2.1 ads7.example.com', ''].join('\n'))
  expect(new Set(hosts.values()).size).toBe(2)
  expect(hosts.get('ads7.example.com')).toEqual([
    { address: '0.0.0.0', family: 4 },
    { address: '192.0.2.1', family: 4 },
  ])
  expect(hosts.get('ads8.example.com')).toEqual([{ address: '0.0.0.0', family: 4 }])
})
