import { generateKeyPairSync } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { secureContextFor } from '../../src/protocols/tcp/secure-contexts.js'

let now = 0
vi.mock('../../src/monotonic.js', () => ({ monotonicNow: () => now }))

const keyOf = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' })

test('equal options share a context, even with separate bytes; options of the connection make no difference', () => {
  const key = Buffer.from(keyOf())
  const context = secureContextFor({ key })
  expect(secureContextFor({ key: Buffer.from(key), servername: 'example.test', rejectUnauthorized: false })).toBe(
    context,
  )
  expect(secureContextFor({ key: [key] })).not.toBe(context)
  expect(secureContextFor({ key, minVersion: 'TLSv1.3' })).not.toBe(context)
  expect(secureContextFor({ key, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })).not.toBe(context)
})

test('bytes that the caller overwrites result in another context', () => {
  const key = Buffer.from(keyOf())
  const context = secureContextFor({ key })
  const other = Buffer.from(keyOf())
  other.copy(key)
  expect(secureContextFor({ key })).not.toBe(context)
})

test('so do bytes in a list of keys', () => {
  const pem = Buffer.from(keyOf())
  const context = secureContextFor({ key: [{ pem }] })
  expect(secureContextFor({ key: [{ pem: Buffer.from(pem) }] })).toBe(context)
  Buffer.from(keyOf()).copy(pem)
  expect(secureContextFor({ key: [{ pem }] })).not.toBe(context)
})

test('values other than text, numbers and bytes are not shared', () => {
  const ticketKeys = new DataView(new ArrayBuffer(48)) as unknown as Buffer
  const context = secureContextFor({ ticketKeys })
  expect(secureContextFor({ ticketKeys })).not.toBe(context)
})

test('the default CAs are read again after ten seconds, given CAs are kept', () => {
  const byDefault = secureContextFor({ sigalgs: 'ECDSA+SHA256' })
  const named = secureContextFor({ ca: [] })
  now = 9_999
  expect(secureContextFor({ sigalgs: 'ECDSA+SHA256' })).toBe(byDefault)
  now = 10_001
  expect(secureContextFor({ sigalgs: 'ECDSA+SHA256' })).not.toBe(byDefault)
  expect(secureContextFor({ ca: [] })).toBe(named)
})

test('beyond 32 contexts, the least recently used one is dropped', () => {
  const context = (index: number) => secureContextFor({ ca: [], sessionIdContext: `context ${index}` })
  const first = context(0)
  const second = context(1)
  for (let index = 2; index < 33; index++) {
    context(index)
    expect(context(0)).toBe(first)
  }
  expect(context(0)).toBe(first)
  expect(context(1)).not.toBe(second)
})

test('unusable options are refused each time', () => {
  for (let i = 0; i < 2; i++) expect(() => secureContextFor({ key: 'no key' })).toThrow()
})
