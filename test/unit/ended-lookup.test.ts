import { expect, test, vi } from 'vitest'
import { pings } from '../../src/protocols/icmp/pings.js'

const signals = vi.hoisted((): AbortSignal[] => [])

vi.mock(import('../../src/protocols/dns/resolve.js'), async original => ({
  ...(await original()),
  resolveFirst: (_name, { signal }) => {
    signals.push(signal!)
    return new Promise(() => {})
  },
}))

test('the end of a series ends the look-up of its name', async () => {
  const series = pings('host.example')
  void series.next()
  await series.return()
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
})
