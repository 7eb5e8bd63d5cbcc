import { expect, test, vi } from 'vitest'
import { Flusher } from '../../src/routing/flusher.js'
import type { UplinkFacts } from '../../src/routing/kernel-tables.js'

const asked = vi.fn()
vi.mock('../../src/system/netlink/request.js', async original => ({
  ...(await original<object>()),
  dump: async () => {
    asked()
    throw new Error('EPROTONOSUPPORT')
  },
}))

const facts = { name: 'fibre', device: 'wan1', table: 7771, weight: 1 } as const
const fibre: UplinkFacts = { ...facts, addresses: [{ address: '192.0.2.2', family: 4 }] }

test('a kernel without connection tracking is reported once, and tried again each time an uplink goes down', async () => {
  const failed = vi.fn()
  const flusher = new Flusher(failed)
  flusher.learn([fibre])
  for (let fall = 0; fall < 3; fall++) {
    flusher.left(['fibre'], { 4: ['lte'], 6: [] })
    // Still down, so nothing changes.
    flusher.left(['fibre'], { 4: ['lte'], 6: [] })
    flusher.left([], { 4: ['fibre'], 6: [] })
    await flusher.idle()
  }
  expect(asked).toHaveBeenCalledTimes(3)
  expect(failed).toHaveBeenCalledTimes(1)
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ message: 'EPROTONOSUPPORT' }))
})

test('a family that no other uplink can carry keeps its connections, the other does not', async () => {
  asked.mockClear()
  const flusher = new Flusher(vi.fn())
  flusher.learn([fibre])
  flusher.left(['fibre'], { 4: ['fibre'], 6: ['lte'] })
  await flusher.idle()
  expect(asked).not.toHaveBeenCalled()
  flusher.left(['fibre'], { 4: ['lte'], 6: ['fibre'] })
  await flusher.idle()
  expect(asked).toHaveBeenCalledTimes(1)
})
