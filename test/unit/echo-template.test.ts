import { expect, it } from 'vitest'
import * as icmp from '../../src/protocols/icmp/packet/codec.js'
import { EchoTemplate } from '../../src/protocols/icmp/probe/echo-template.js'

const [a, b] = Int32Array.of(0x9abc_def0, 0xff00_1234)

/** The second packet in a batch. */
function made(template: EchoTemplate, sequence: number) {
  const words = new Int32Array(2 * template.room)
  const memory = { words, bytes: new Uint8Array(words.buffer), halves: new Uint16Array(words.buffer) }
  const at = template.room
  const cookie = [a! & template.cookieMask[0]!, b! & template.cookieMask[1]!] as const
  template.copyTo(memory, at)
  template.patch(memory, at, 0xfffe, 1, 7, 7)
  template.patch(memory, at, 0xfffe, sequence, ...cookie)
  return { memory, at, cookie, packet: memory.bytes.slice(at, at + template.length) }
}

it.each([0, 1, 2, 3, 5, 7, 8, 9, 56, 57, 1473, 65_507])(
  '%i bytes of payload: a complete request, whatever the memory had before',
  size => {
    for (const sequence of [0, 255, 256, 65_535]) {
      const { packet } = made(new EchoTemplate(4, size), sequence)
      expect(icmp.decode(packet, 4)).toMatchObject({
        kind: 'echo-request',
        identifier: 0xfffe,
        sequence,
        checksumValid: true,
      })
      expect(packet.length).toBe(8 + size)
      expect([...packet.subarray(16)].every((byte, index) => byte === ((index + 8) & 0xff))).toBe(true)
    }
  },
)

it.each([0, 1, 7, 8, 56])('%i bytes of payload: a reply counts only with its cookie', size => {
  const template = new EchoTemplate(4, size)
  const { memory, at, cookie } = made(template, 5)
  memory.bytes[at] = 0
  const counts = (length = template.length) => template.isReply(memory, at, length, length, ...cookie)
  expect(counts()).toBe(true)
  expect(counts(template.length - 1)).toBe(size > 8)
  for (let i = 8; i < Math.min(16, template.length); i++) {
    memory.bytes[at + i]! ^= 1
    expect(counts()).toBe(false)
    memory.bytes[at + i]! ^= 1
  }
  memory.bytes[at] = 8
  expect(counts()).toBe(false)
})

it("the user's own payload must come back complete", () => {
  const template = new EchoTemplate(4, Uint8Array.from([9, 8, 7, 6, 5]))
  const { memory, at, packet } = made(template, 5)
  expect([...packet.subarray(8)]).toEqual([9, 8, 7, 6, 5])
  expect(icmp.decode(packet, 4)).toMatchObject({ checksumValid: true })
  memory.bytes[at] = 0
  expect(template.isReply(memory, at, 13, 13, 0, 0)).toBe(true)
  expect(template.isReply(memory, at, 12, 12, 0, 0)).toBe(false)
  memory.bytes[at + 12] = 4
  expect(template.isReply(memory, at, 13, 13, 0, 0)).toBe(false)
})

it.each([
  [4, 8],
  [6, 16],
] as const)(
  'an IPv%i quote is recognized from %i bytes: by its cookie, or by its checksum if the cookie is cut off',
  (family, least) => {
    const template = new EchoTemplate(family, 56)
    const { packet, cookie } = made(template, 0xfedc)
    const isRequest = (length: number) => template.isRequest(packet.subarray(0, length), ...cookie)
    for (let length = 8; length <= packet.length; length++) expect(isRequest(length)).toBe(length >= least)
    for (const byte of [2, 3]) {
      packet[byte]! ^= 1
      for (let length = least; length < 16; length++) expect(isRequest(length)).toBe(false)
      // A NAT on the path may change the checksum.
      expect(isRequest(16)).toBe(true)
      packet[byte]! ^= 1
    }
    packet[15]! ^= 1
    expect(isRequest(16)).toBe(false)
  },
)
