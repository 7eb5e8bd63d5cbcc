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

test('lines of nonsense do no harm', () => {
  const hosts = parseHosts(
    'nonsense name\n1.2.3 short\n192.0.2.1\n\n\0\n192.0.2.2 good\r\n__proto__ x\n192.0.2.3 __proto__',
  )
  expect([...hosts.keys()]).toEqual(['good', '__proto__'])
})
