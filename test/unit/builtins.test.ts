import * as net from 'node:net'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { fillRandomly } from '../../src/binding/random.js'
import { isIP, isIPv4, isIPv6 } from '../../src/builtins.js'

/** Addresses, and texts that differ slightly from one. */
const nearlyAddress = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('::ffff:1.2.3.4'), fc.constant('fe80::1%lo')), fc.nat(40))
  .chain(([address, at]) =>
    fc.tuple(fc.constantFrom('', '0', '1', '.', ':', ' ', '\n', 'g', '%'), fc.nat(2)).map(([insert, removed]) => {
      const place = at % (address.length + 1)
      return address.slice(0, place) + insert + address.slice(place + removed)
    }),
  )

test('an address is what node:net accepts', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), nearlyAddress, fc.string()), text => {
      expect([text, isIP(text), isIPv4(text), isIPv6(text)]).toEqual([
        text,
        net.isIP(text),
        net.isIPv4(text),
        net.isIPv6(text),
      ])
    }),
    { numRuns: 2000 },
  )
  for (const text of [
    '0.0.0.0',
    '255.255.255.255',
    '256.0.0.0',
    '1.2.3',
    '1.2.3.4.',
    '01.2.3.4',
    '1.2.3.4\n',
    ...[
      '::',
      ':',
      ':::',
      '',
      '::1',
      '1::',
      ':1',
      '1:',
      '1::1',
      '1:::1',
      '1::1::1',
      '::%lo',
      '%lo',
      '::1%',
      '::1%a_b',
      '::1%a%b',
    ],
    ...[
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::',
      '::2:3:4:5:6:7:8',
      '1::2:3:4:5:6:7:8',
    ],
    ...['::1.2.3.4', '::ffff:1.2.3.4', '1.2.3.4::', '::1.2.3.4:5', '::1.2.3', '::256.1.1.1', '1:2:3:4:5:6:1.2.3.4'],
    ...[
      '1:2:3:4:5:6:7:1.2.3.4',
      '1:2:3:4:5::1.2.3.4',
      '1:2:3:4:5:6::1.2.3.4',
      '1.2.3.4%lo',
      '1.2.3.4:80',
      '::12345',
      '::g',
    ],
    ...['fe80::1%eth0.5', 'fe80::1%a:b', 'fe80::1%lo\n', '::1\n', '::1 ', 'FE80::ABCD', '1%2::3', '::1%::'],
  ]) {
    expect([text, isIP(text)]).toEqual([text, net.isIP(text)])
  }
})

test('random bytes fill the whole array and differ each time, even without getrandom(2)', () => {
  const fill = () => {
    const out = new Uint32Array(64)
    fillRandomly(out)
    return out
  }
  const values = [...fill(), ...fill()]
  const random = vi.spyOn(addon(), 'random').mockReturnValue(-38)
  onTestFinished(() => random.mockRestore())
  values.push(...fill())
  expect(random).toHaveBeenCalled()
  // Two of 192 random 32-bit numbers are equal in one of 200,000 runs, three practically never.
  expect(new Set(values).size).toBeGreaterThan(189)
})
