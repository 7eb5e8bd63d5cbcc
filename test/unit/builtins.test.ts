import * as net from 'node:net'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { fillRandomly } from '../../src/binding/random.js'
import { isIP, isIPv4, isIPv6 } from '../../src/builtins.js'

/** Addresses, and texts that differ from one by a little. */
const nearlyAddress = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('::ffff:1.2.3.4'), fc.constant('fe80::1%lo')), fc.nat(40))
  .chain(([address, at]) =>
    fc.tuple(fc.constantFrom('', '0', '1', '.', ':', ' ', '\n', 'g', '%'), fc.nat(2)).map(([insert, removed]) => {
      const place = at % (address.length + 1)
      return address.slice(0, place) + insert + address.slice(place + removed)
    }),
  )

test('what is an address: as node:net says', () => {
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
    '::',
    '',
  ]) {
    expect([text, isIP(text)]).toEqual([text, net.isIP(text)])
  }
})

test('random bytes fill all there is, each time others, without getrandom(2) too', () => {
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
  // Two of 192 numbers of 32 bits are the same once in 200,000 runs, three never.
  expect(new Set(values).size).toBeGreaterThan(189)
})
