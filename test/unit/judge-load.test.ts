import { expect, test } from 'vitest'
import { judgeLoad } from '../../src/line/rate/judge-load.js'
import { decodeSamples, encodeSamples, type LoadSample } from '../../src/line/rate/load-sample.js'

interface Shape {
  /** Bits per second at that time. */
  rate(atMs: number): number
  rttMs?: number
  minRttMs?: number
  /** `busy`, `window` and `buffer` are shares of the time, for each of two connections. */
  busy?: number
  window?: number
  buffer?: number
  active?: number
}

function samplesOf({ rate, rttMs = 10, minRttMs = 10, ...shares }: Shape, lastMs = 10_000): LoadSample[] {
  const { busy = 1, window = 0, buffer = 0, active = 0.1 } = shares
  let frameBytes = 0
  const samples: LoadSample[] = []
  for (let atMs = 0; atMs <= lastMs; atMs += 100) {
    if (atMs) frameBytes += (rate(atMs) * 100) / 8000
    samples.push({
      ...{ atMs, frameBytes, payloadBytes: frameBytes * 0.95, sentBytes: frameBytes, retransmittedBytes: 0 },
      ...{ busyMs: atMs * 2 * busy, receiveWindowMs: atMs * 2 * window, sendBufferMs: atMs * 2 * buffer },
      ...{ rttMs, minRttMs, activeMs: 5000 + atMs * active },
    })
  }
  return samples
}

const steady = () => 20e6

test('the rate leaves out slow start, however long it takes', () => {
  for (const rampMs of [0, 1000, 3000]) {
    const load = judgeLoad(samplesOf({ rate: atMs => (atMs <= rampMs ? 1e6 : 20e6) }), 2)!
    expect(load.bitsPerSecond / 20e6).toBeGreaterThan(0.98)
    expect(load.fromMs).toBeGreaterThanOrEqual(rampMs)
    expect(load).toMatchObject({ steady: true, toMs: 10_000, heldBack: [] })
    expect(load.goodputBitsPerSecond).toBeCloseTo(load.bitsPerSecond * 0.95, 0)
  }
})

test('a rate that still grows at the end is not steady', () => {
  expect(judgeLoad(samplesOf({ rate: atMs => 1e6 + atMs * 1000 }), 2)!.steady).toBe(false)
})

test('too little data has no rate', () => {
  expect(judgeLoad(samplesOf({ rate: () => 0 }), 2)).toBeUndefined()
  expect(judgeLoad(samplesOf({ rate: steady }, 300), 2)).toBeUndefined()
})

test.each<[by: string, what: string, shape: Partial<Shape>]>([
  ['receiver', 'receive-window', { window: 0.5 }],
  ['sender', 'send-buffer', { buffer: 0.5 }],
  ['sender', 'send-buffer', { busy: 0.5 }],
  ['sender', 'processor', { active: 0.95 }],
])('the %s limited the load, by its %s', (by, what, shape) => {
  const { heldBack } = judgeLoad(samplesOf({ rate: steady, ...shape }), 2)!
  expect(heldBack).toEqual([{ by, what, evidence: expect.stringMatching(/(50|95) %/) }])
})

test('buffers are not blamed while packets queue on the line', () => {
  expect(judgeLoad(samplesOf({ rate: steady, window: 0.9, rttMs: 400 }), 2)!.heldBack).toEqual([])
  expect(judgeLoad(samplesOf({ rate: steady, active: 0.95, rttMs: 400 }), 2)!.heldBack).toHaveLength(1)
})

test('samples are sent as numbers, and nothing else is accepted', () => {
  const samples = samplesOf({ rate: steady })
  const sent = JSON.parse(JSON.stringify(encodeSamples(samples)))
  expect(decodeSamples(sent)).toEqual(samples)
  const row = sent[1]
  for (const wrong of [null, 5, [5], [row.slice(1)], [[...row, 1]], [row.map(String)], [row.map(() => -1)], [row, row]])
    expect(decodeSamples(wrong)).toBeUndefined()
  const fewer = row.map((number: number, i: number) => (i === 0 ? number + 1 : i === 1 ? number - 1 : number))
  expect(decodeSamples([row, fewer])).toBeUndefined()
})
