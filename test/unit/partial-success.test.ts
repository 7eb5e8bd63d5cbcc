import { expect, test } from 'vitest'
import { partialSuccess } from '../../src/cli/monitor/otlp/partial-success.js'

const reason = (text: string) => [0x12, text.length, ...Buffer.from(text)]

test.each<[string, number[], number, string]>([
  ['an empty response', [], 0, ''],
  ['an empty part', [0x0a, 0], 0, ''],
  ['a number and a reason', [0x0a, 6, 0x08, 0x80, 0x01, ...reason('x')], 128, 'x'],
  ['other fields before it', [0x10, 5, 0x1a, 1, 9, 0x0a, 2, 0x08, 7], 7, ''],
  ['a cut end', [0x0a, 9, 0x08, 7], 0, ''],
  ['a cut number', [0x0a, 2, 0x08, 0x80], 0, ''],
  ['a negative number, which has ten bytes', [0x0a, 11, 0x08, ...Array(9).fill(0xff), 0x01], 0, ''],
  ['an endless number', Array(60_000).fill(0xff), 0, ''],
  ['a length beyond its end', [0x0a, 0xff, 0xff, 0xff, 0x7f, 1], 0, ''],
  ['JSON', [...Buffer.from('{"partialSuccess":{"rejectedDataPoints":1}}')], 0, ''],
])('%s', (_, bytes, rejected, why) => {
  expect(partialSuccess(Uint8Array.from(bytes))).toEqual({ rejected, why })
})
