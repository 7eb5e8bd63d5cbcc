import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, test } from 'vitest'
import { decodeAddress, encodeAddress, familyOf } from '../../src/sockets/address.js'
import { formatIPv6, mappedIPv4, parseIP, unmapped } from '../../src/sockets/ip.js'

/** Mostly zeros and small numbers, because their text form is shortened. */
const group = fc.oneof(
  fc.constant(0),
  fc.constant(0),
  fc.integer({ min: 0, max: 15 }),
  fc.integer({ min: 0, max: 0xffff }),
)
const addresses = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map(groups => Uint8Array.from(groups.flatMap(value => [value >> 8, value & 0xff])))

describe('IP addresses', () => {
  test('IPv6: text according to RFC 5952, as written by another library', () => {
    fc.assert(
      fc.property(addresses, bytes => {
        if (mappedIPv4(bytes) === undefined)
          expect(formatIPv6(bytes)).toBe(new ipaddr.IPv6([...bytes]).toRFC5952String())
      }),
      { numRuns: 2000 },
    )
  })

  test('IPv6: bytes of every notation', () => {
    fc.assert(
      fc.property(addresses, bytes => {
        const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
        const dotted = [...groups.slice(0, 6), bytes.subarray(12).join('.')].join(':')
        const padded = groups.map(text => text.padStart(4, '0').toUpperCase()).join(':')
        for (const text of [formatIPv6(bytes), groups.join(':'), padded, dotted, `${dotted}%eth0`])
          expect(parseIP(text)).toEqual(bytes)
      }),
    )
  })

  test.each([
    ['::', 15, 0],
    ['::1', 15, 1],
    ['1::', 1, 1],
    ['::2:3:4:5:6:7:8', 15, 8],
    ['1:2:3:4:5:6:7::', 13, 7],
    ['fe80::1%eth0', 0, 0xfe],
    ['64:ff9b::192.0.2.33', 15, 33],
  ])('%s: byte %i is %i', (text, index, value) => {
    expect(parseIP(text)).toEqual(Uint8Array.from(ipaddr.parse(text).toByteArray()))
    expect(parseIP(text)[index]).toBe(value)
  })

  test('IPv4, alone and within an IPv6 address', () => {
    expect(parseIP('192.0.2.255')).toEqual(Uint8Array.of(192, 0, 2, 255))
    expect(formatIPv6(parseIP('::ffff:c000:2ff'))).toBe('::ffff:192.0.2.255')
    expect(mappedIPv4(parseIP('::ffff:192.0.2.255'))).toBe('192.0.2.255')
    for (const other of ['::fffe:192.0.2.255', '::1:ffff:192.0.2.255', '192.0.2.255', '::'])
      expect(mappedIPv4(parseIP(other))).toBeUndefined()
  })

  test('a zone whose device is gone is its index', () => {
    expect(decodeAddress(encodeAddress('fe80::1%987654'))?.address).toBe('fe80::1%987654')
  })

  test.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['0000:0000:0000:0000:0000:ffff:c000:0201', '192.0.2.1'],
  ])('%s means %s on the wire', (text, address) => {
    expect(unmapped(text)).toBe(address)
    expect(familyOf(text)).toBe(4)
    expect(decodeAddress(encodeAddress(text, 53))).toEqual({ address, family: 4, port: 53 })
  })

  test.each(['192.0.2.1', '::', '::1', '::fffe:192.0.2.1', '::ffff:0:192.0.2.1', '1::ffff:192.0.2.1', 'name:ffff:1'])(
    '%s means itself',
    text => expect(unmapped(text)).toBe(text),
  )
})
