import { expect, test, vi } from 'vitest'
import { Blocks } from '../../src/proxy/blocks.js'
import { Targets } from '../../src/proxy/targets.js'
import * as tables from '../../src/system/netlink/tables.js'
import { isAddressOf } from '../../src/system/reach.js'

vi.mock('../../src/system/netlink/tables.js', async original => {
  const real = await original<typeof tables>()
  return { ...real, readAddresses: vi.fn(real.readAddresses) }
})

test('the table of addresses is read at most once a second, whatever number of targets clients request', () => {
  const begin = performance.now()
  const targets = new Targets(new Blocks([]))
  for (let i = 0; i < 1000; i++) targets.check(`203.0.${i >> 8}.${i & 255}`)
  const seconds = (performance.now() - begin) / 1000
  expect(vi.mocked(tables.readAddresses).mock.calls.length).toBeLessThanOrEqual(1 + seconds)
})

test('the table is read again for an address that is not in it, but at most once a millisecond', () => {
  vi.mocked(tables.readAddresses).mockClear()
  const begin = performance.now()
  for (let i = 0; i < 1000; i++) isAddressOf('192.0.2.1', 'lo')
  const milliseconds = performance.now() - begin
  expect(vi.mocked(tables.readAddresses).mock.calls.length).toBeLessThanOrEqual(2 + milliseconds)
})
