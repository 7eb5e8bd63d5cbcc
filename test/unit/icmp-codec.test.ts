import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NetviaError } from '../../src/errors.js'
import * as icmp from '../../src/protocols/icmp/packet/codec.js'
import type { IcmpMessage } from '../../src/protocols/icmp/packet/message.js'
import { decodeQuotedPacket } from '../../src/protocols/icmp/packet/quoted-packet.js'
import { reasonOf } from '../../src/protocols/icmp/packet/reasons.js'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

describe('vectors', () => {
  test('an echo request as sent by ping', () => {
    const wire = bytes('08 00 f7 fc 00 01 00 02')
    const message: IcmpMessage = {
      family: 4,
      kind: 'echo-request',
      identifier: 1,
      sequence: 2,
      payload: new Uint8Array(),
    }
    expect(icmp.encode(message)).toEqual(wire)
    expect(icmp.decode(wire)).toMatchObject({ ...message, type: 8, code: 0, checksumValid: true })
  })

  test('a checksum over an odd number of bytes (RFC 1071)', () => {
    const message: IcmpMessage = { family: 4, kind: 'other', type: 1, code: 0xf2, body: bytes('03 f4 f5 f6 f7 00 01') }
    const wire = icmp.encode(message)
    expect(icmp.decode(wire).checksumValid).toBe(true)
    wire[10]! ^= 1
    expect(icmp.decode(wire).checksumValid).toBe(false)
  })

  test('an ICMPv6 checksum covers the addresses', () => {
    const addresses = { source: 'fe80::1', destination: 'ff02::1' }
    const message: IcmpMessage = {
      family: 6,
      kind: 'echo-request',
      identifier: 7,
      sequence: 9,
      payload: bytes('01 02 03'),
    }
    const wire = icmp.encode(message, addresses)
    expect(icmp.decode(wire, 6, addresses).checksumValid).toBe(true)
    expect(icmp.decode(wire, 6, { ...addresses, source: 'fe80::2' }).checksumValid).toBe(false)
    expect(icmp.decode(wire, 6).checksumValid).toBeUndefined()
    expect(icmp.decode(icmp.encode(message), 6).checksum).toBe(0)
  })

  const quotedUdp = '45 00 00 1c 00 01 00 00 40 11 00 00 c0 00 02 02 cb 00 71 01 30 39 00 35 00 08 00 00'

  test('fragmentation needed has the MTU and identifies the packet (RFC 1191)', () => {
    expect(icmp.decode(bytes(`03 04 00 00 00 00 05 78 ${quotedUdp}`))).toMatchObject({
      kind: 'unreachable',
      mtu: 1400,
      reason: 'fragmentation needed, but not allowed',
      original: {
        source: '192.0.2.2',
        destination: '203.0.113.1',
        protocol: 17,
        sourcePort: 12345,
        destinationPort: 53,
      },
    })
  })

  test('MPLS labels behind a quote with a length (RFC 4884, RFC 4950)', () => {
    const quoted = `${quotedUdp}${'00'.repeat(128 - 28)}`
    const extension = '20 00 0c d8 00 08 01 01 18 7b 41 01'
    expect(icmp.decode(bytes(`0b 00 00 00 00 20 00 00 ${quoted} ${withChecksum(extension)}`))).toMatchObject({
      kind: 'time-exceeded',
      quoted: bytes(quoted),
      extensions: [{ class: 1, type: 1, mpls: [{ label: 100_276, trafficClass: 0, bottom: true, ttl: 1 }] }],
    })
    expect(
      icmp.decode(bytes(`03 00 00 00 10 00 00 00 60 ${'00'.repeat(127)} ${withChecksum(extension)}`), 6),
    ).toMatchObject({
      kind: 'time-exceeded',
      extensions: [{ mpls: [{ label: 100_276 }] }],
    })
  })

  test('labels from a router that sends no length: after 128 bytes, if the checksum fits', () => {
    const quoted = `${quotedUdp}${'00'.repeat(128 - 28)}`
    const extension = withChecksum('20 00 00 00 00 08 01 01 00 01 01 05')
    const message = icmp.decode(bytes(`0b 00 00 00 00 00 00 00 ${quoted} ${extension}`))
    expect(message).toMatchObject({ extensions: [{ mpls: [{ label: 16, bottom: true, ttl: 5 }] }] })
    expect(
      icmp.decode(bytes(`0b 00 00 00 00 00 00 00 ${quoted} 20 00 12 34 00 08 01 01 00 01 01 05`)),
    ).not.toHaveProperty('extensions')
  })

  function withChecksum(hex: string): string {
    const structure = bytes(hex)
    structure.fill(0, 2, 4)
    let sum = 0
    for (let i = 0; i < structure.length; i += 2) sum += structure[i]! * 256 + structure[i + 1]!
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    Buffer.from(structure.buffer).writeUInt16BE(~sum & 0xffff, 2)
    return Buffer.from(structure).toString('hex')
  }
})

describe('quoted packets', () => {
  const echo = '08 00 00 00 12 34 56 78'
  const ipv4 = '45 00 00 54 00 00 40 00 01 01 00 00 c0 00 02 02 cb 00 71 01'
  const ipv6 = (next: string) =>
    `60 00 00 00 00 40 ${next} 01 ${'20010db8000100000000000000000002'} ${'20010db800ff00000000000000000001'}`

  test.each([
    ['IPv4', `${ipv4} ${echo}`, 20],
    ['IPv4 with options', `46 ${ipv4.slice(3)} 94 04 00 00 ${echo}`, 24],
    ['the first fragment of several', `${ipv4.replace('40 00 01', '20 00 01')} ${echo}`, 20],
  ])('%s', (_name, hex, offset) => {
    expect(decodeQuotedPacket(bytes(hex))).toEqual({
      family: 4,
      source: '192.0.2.2',
      destination: '203.0.113.1',
      protocol: 1,
      ttl: 1,
      offset,
      identifier: 0x1234,
      sequence: 0x5678,
    })
  })

  const echo6 = echo.replace('08', '80')
  test.each([
    ['IPv6', `${ipv6('3a')} ${echo6}`, 40],
    ['a hop-by-hop header', `${ipv6('00')} 3a 00 01 04 00 00 00 00 ${echo6}`, 48],
    [
      'destination options, twice as long, and a first fragment',
      `${ipv6('3c')} 2c 01 ${'00'.repeat(14)} 3a 00 00 01 00 00 00 07 ${echo6}`,
      64,
    ],
    ['an authentication header', `${ipv6('33')} 3a 04 ${'00'.repeat(22)} ${echo6}`, 64],
    ['a routing header', `${ipv6('2b')} 3a 02 04 00 ${'00'.repeat(20)} ${echo6}`, 64],
  ])('%s', (_name, hex, offset) => {
    expect(decodeQuotedPacket(bytes(hex))).toMatchObject({
      family: 6,
      destination: '2001:db8:ff::1',
      protocol: 58,
      offset,
      identifier: 0x1234,
      sequence: 0x5678,
    })
  })

  test.each([
    ['a later fragment', '2c', `3a 00 05 01 00 00 00 07 ${echo6}`],
    ['no next header', '3b', echo6],
    ['encrypted', '32', echo6],
    ['a header that claims more than there is', '00', `3a ff 01 04 00 00 00 00 ${echo6}`],
    ['headers that are cut off', '00', '2c 00 01 04 00 00 00 00 3a 00 00'],
  ])('of IPv6 without information: %s', (_name, next, rest) => {
    const packet = decodeQuotedPacket(bytes(`${ipv6(next)} ${rest}`))
    expect(packet).toMatchObject({ family: 6, destination: '2001:db8:ff::1' })
    expect(packet).not.toHaveProperty('identifier')
  })

  test('what is cut off is not known; a later fragment shows nothing', () => {
    expect(decodeQuotedPacket(bytes(`${ipv4} 08 00 00 00 12 34`))).toMatchObject({
      identifier: 0x1234,
      sequence: undefined,
    })
    expect(decodeQuotedPacket(bytes(ipv4.slice(0, 40)))).toBeUndefined()
    expect(decodeQuotedPacket(bytes(`${ipv4.replace('40 00 01', '00 05 01')} ${echo}`))).not.toHaveProperty(
      'identifier',
    )
  })
})

describe('arbitrary input', () => {
  const payload = fc.uint8Array({ maxLength: 120 })
  const word = fc.integer({ min: 0, max: 0xffff })
  const long = fc.integer({ min: 0, max: 0xffff_ffff })
  const family = fc.constantFrom(4 as const, 6 as const)
  const code = fc.integer({ min: 0, max: 255 })
  const numbers = { identifier: word, sequence: word }
  const ipv4 = fc.ipV4()
  const message: fc.Arbitrary<IcmpMessage> = fc.oneof(
    fc.record({ family, kind: fc.constantFrom('echo-request' as const, 'echo-reply' as const), ...numbers, payload }),
    fc.record({
      family: fc.constant(4 as const),
      kind: fc.constantFrom('timestamp-request' as const, 'timestamp-reply' as const),
      ...numbers,
      originate: long,
      receive: long,
      transmit: long,
    }),
    fc.record({
      family: fc.constant(4 as const),
      kind: fc.constant('unreachable' as const),
      code: fc.constant(4),
      mtu: word,
      quoted: payload,
    }),
    fc.record({ family, kind: fc.constant('time-exceeded' as const), code, quoted: payload }),
    fc.record({ family, kind: fc.constant('parameter-problem' as const), code, pointer: code, quoted: payload }),
    fc.record({
      family: fc.constant(6 as const),
      kind: fc.constant('packet-too-big' as const),
      mtu: long,
      quoted: payload,
    }),
    fc.record({
      family: fc.constant(4 as const),
      kind: fc.constant('redirect' as const),
      code,
      gateway: ipv4,
      quoted: payload,
    }),
    fc.record({
      family: fc.constant(6 as const),
      kind: fc.constant('redirect' as const),
      target: fc.constantFrom('fe80::1', '2001:db8::7'),
      destination: fc.constantFrom('2001:db8::1', 'fe80::2'),
      options: payload,
    }),
    fc.record({
      family,
      kind: fc.constant('other' as const),
      type: fc.constantFrom(42, 130, 200),
      code,
      body: payload,
    }),
  )

  test('encoded and decoded is what it was, with a checksum that fits', () => {
    fc.assert(
      fc.property(message, original => {
        const wire = icmp.encode(original)
        const decoded = icmp.decode(wire, original.family)
        if (original.family === 4) expect(decoded.checksumValid).toBe(true)
        expect(decoded).toMatchObject(original)
        expect(icmp.encode(icmp.decode(wire, original.family))).toEqual(wire)
      }),
    )
  })

  test('any bytes are read, or refused with ERR_ICMP_MALFORMED', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), family, (wire, either) => {
        try {
          icmp.decode(wire, either)
        } catch (error) {
          expect(error).toBeInstanceOf(NetviaError)
          expect((error as NetviaError).code).toBe('ERR_ICMP_MALFORMED')
        }
        decodeQuotedPacket(wire)
      }),
      { numRuns: 2000 },
    )
  })

  test('errors with any length field, quote or cut are read', () => {
    const error = fc.tuple(
      fc.constantFrom(1, 2, 3, 4, 5, 11, 12, 137),
      fc.uint8Array({ minLength: 7, maxLength: 400 }),
      family,
    )
    fc.assert(
      fc.property(error, fc.constantFrom(0x45, 0x4f, 0x60), ([type, rest, either], first) => {
        const wire = Uint8Array.from([type, ...rest])
        if (wire.length > 8) wire[8] = first
        const kind = icmp.decode(wire.length < 40 ? Uint8Array.from([...wire, ...new Uint8Array(40)]) : wire, either)
        expect(kind.type).toBe(type)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('bad input', () => {
  const echo = { family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array() } as const

  test.each([
    [{ ...echo, sequence: 65_536 }, 'sequence'],
    [{ ...echo, identifier: -1 }, 'identifier'],
    [{ ...echo, family: 6, kind: 'timestamp-request', originate: 0, receive: 0, transmit: 0 }, 'kind'],
    [{ ...echo, payload: 'text' }, 'Uint8Array'],
    [{ family: 4, kind: 'redirect', code: 0, gateway: '::1', quoted: new Uint8Array() }, 'gateway'],
  ])('%j is refused', (message, named) => {
    expect(() => icmp.encode(message as IcmpMessage)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining(named) }),
    )
  })
})

test('every code of RFC 792, RFC 1812 and RFC 4443 has a reason in words', () => {
  const codes: [4 | 6, number, number][] = [
    [4, 3, 15],
    [4, 4, 0],
    [4, 5, 3],
    [4, 11, 1],
    [4, 12, 2],
    [6, 1, 6],
    [6, 2, 0],
    [6, 3, 1],
    [6, 4, 2],
  ]
  const seen = new Set<string>()
  for (const [family, type, last] of codes) {
    for (let code = 0; code <= last; code++) {
      const reason = reasonOf(family, type, code)
      expect(reason).not.toMatch(/ \d/)
      seen.add(`${family} ${reason}`)
    }
  }
  expect(seen.size).toBe(16 + 1 + 4 + 2 + 3 + 7 + 1 + 2 + 3)
  expect(reasonOf(4, 3, 99)).toBe('ICMP type 3 code 99')
})
