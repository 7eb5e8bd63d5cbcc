import { expect, it } from 'vitest'
import type { PingResult } from '../../src/protocols/icmp/result.js'
import { Patience } from '../../src/protocols/traceroute/patience.js'

const answer = (rttMs: number) => ({ outcome: 'ttl-exceeded', rttMs }) as PingResult
const silence = { outcome: 'timeout' } as PingResult

/** How long one hop is waited for while it is silent. */
function waits(patience: Patience, ttl: number, count: number): number[] {
  return Array.from({ length: count }, () => {
    const ms = patience.for(ttl)
    patience.add(ttl, silence)
    return ms
  })
}

it('a hop that has not answered yet is waited for in full, however fast the others are', () => {
  const patience = new Patience(1000)
  patience.add(1, answer(1))
  expect(patience.for(2)).toBe(1000)
  patience.add(2, answer(150))
  expect([1, 2].map(ttl => patience.for(ttl))).toEqual([800, 800])
})

it('while no hop has answered, each is waited for in full: nothing says how slow the line is', () => {
  const patience = new Patience(1000)
  expect([1, 2].map(ttl => waits(patience, ttl, 8))).toEqual([Array(8).fill(1000), Array(8).fill(1000)])
  patience.add(1, answer(1))
  expect(patience.for(2)).toBe(1000)
})

it('a silent hop is waited for in full ever more rarely', () => {
  const patience = new Patience(1000)
  patience.add(1, answer(10))
  const [full, short] = [1000, 240]
  expect(waits(patience, 2, 12)).toEqual([full, short, full, ...Array(3).fill(short), full, ...Array(5).fill(short)])
  const many = waits(patience, 2, 320).filter(ms => ms === full)
  expect(many).toHaveLength(20)
})

it('a hop that falls silent is waited for in full: it may have become slower', () => {
  const patience = new Patience(1000)
  patience.add(1, answer(10))
  expect(waits(patience, 1, 2)).toEqual([240, 1000])
  patience.add(1, answer(300))
  expect(patience.for(1)).toBe(1000)
})

it('what this machine did not send says nothing about a hop', () => {
  const patience = new Patience(1000)
  patience.add(1, { outcome: 'send-failed' } as PingResult)
  expect(patience.for(1)).toBe(1000)
})
