import { expect, it } from 'vitest'
import { addon, Field } from '../../src/binding/addon.js'
import { readErrorReport } from '../../src/protocols/icmp/socket/received-message.js'
import { encodeAddress } from '../../src/sockets/address.js'
import type { Packet } from '../../src/sockets/receive-buffer.js'

/** As the kernel reports it: `info` is what the message says about the type, in a number. */
function report(family: 4 | 6, type: number, info: number): Packet {
  const { SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 } = addon().constants
  const fields = new Map<number, number>([
    [Field.errorOrigin, (family === 4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6)!],
    [Field.errorType, type],
    [Field.errorInfo, info],
    [Field.ttl, 60],
  ])
  const address = encodeAddress(family === 4 ? '192.0.2.9' : '2001:db8::9')
  const field = (index: number) => fields.get(index) ?? 0
  const data = Uint8Array.of(family === 4 ? 8 : 128, 0, 0, 0, 1, 2, 3, 4)
  return { data, address, offender: address, destination: address, field, unsigned: field }
}

it.each([
  ['the pointer of an IPv4 parameter problem', 4, 12, 20, { kind: 'parameter-problem', pointer: 20 }],
  ['the largest pointer', 4, 12, 255, { kind: 'parameter-problem', pointer: 255 }],
  ['the pointer of an IPv6 parameter problem', 6, 4, 0x01_0006, { kind: 'parameter-problem', pointer: 0x01_0006 }],
  ['the MTU of a packet too big', 6, 2, 1400, { kind: 'packet-too-big', mtu: 1400 }],
] as const)('a report of the kernel keeps %s', (_what, family, type, info, expected) => {
  const [message] = readErrorReport(report(family, type, info), family)!
  expect(message).toMatchObject({ ...expected, original: { identifier: 0x0102, sequence: 0x0304 } })
  if (family === 4) expect(message.checksumValid).toBe(true)
})
