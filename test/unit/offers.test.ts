import { expect, test } from 'vitest'
import { offersTo } from '../../src/protocols/tcp/offers.js'
import { Race } from '../../src/protocols/tcp/race.js'
import { Cancel } from '../../src/runtime/cancel.js'

/** From an IPv4 address, no IPv6 address is reached. */
const path = { localAddress: '127.0.0.1' }
const six = [{ address: '2001:db8::1', family: 6 as const, ttl: 0 }]
const four = [{ address: '127.0.0.2', family: 4 as const, ttl: 0 }]

function start() {
  const offered: [family: number, addresses: readonly string[]][] = []
  const signal = new Cancel()
  const race = {
    signal,
    offer: (family: number, addresses: readonly string[]) => void offered.push([family, addresses]),
  }
  return { offered, signal, pass: offersTo(race, [6, 4], path) }
}

test('IPv6 addresses that the path does not suit come after the IPv4 ones', () => {
  const { offered, pass } = start()
  pass(6, six)
  pass(4, four)
  expect(offered).toEqual([
    [6, []],
    [4, ['127.0.0.2']],
    [6, ['2001:db8::1']],
  ])
})

test('without IPv4 addresses they are the only ones', () => {
  const { offered, pass } = start()
  pass(6, six)
  pass(4, [])
  expect(offered).toEqual([
    [6, []],
    [6, ['2001:db8::1']],
    [4, []],
  ])
})

test('they do not wait for IPv4 addresses that are known, nor long for those that are not', async () => {
  const known = start()
  known.pass(4, four)
  known.pass(6, six)
  expect(known.offered).toEqual([
    [4, ['127.0.0.2']],
    [6, ['2001:db8::1']],
  ])
  const late = start()
  late.pass(6, six)
  await expect
    .poll(() => late.offered)
    .toEqual([
      [6, []],
      [6, ['2001:db8::1']],
    ])
})

test('the race tries IPv4 addresses first that were known before them', async () => {
  const begun: string[] = []
  const attempt = async (address: string) => {
    begun.push(address)
    throw new Error(address)
  }
  const race = new Race([6, 4], attempt, () => {}, 250, new Cancel())
  const pass = offersTo(race, [6, 4], path)
  pass(4, four)
  pass(6, six)
  await expect(race.result).rejects.toThrow()
  expect(begun).toEqual(['127.0.0.2', '2001:db8::1'])
})
