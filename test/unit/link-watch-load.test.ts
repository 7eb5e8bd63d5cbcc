import { expect, test, vi } from 'vitest'
import { LinkHistory } from '../../src/monitor/link/link-fault.js'
import { watchLinks } from '../../src/monitor/link/link-watch.js'
import type { DeviceChange } from '../../src/system/netlink/changes.js'

const world = vi.hoisted(() => ({
  tell: (_change: unknown) => {},
  readings: 0,
  links: [] as object[],
  addresses: [] as object[],
}))

vi.mock('../../src/system/netlink/changes.js', () => ({
  onDeviceChange(callback: (change: unknown) => void) {
    world.tell = callback
    return () => {}
  },
}))

/** A simulated machine whose addresses take 20 ms to read. */
vi.mock('../../src/system/netlink/tables.js', () => ({
  readLinks: () => world.links,
  readAddresses() {
    world.readings++
    for (const until = performance.now() + 20; performance.now() < until; );
    return world.addresses
  },
}))

test('constantly changing addresses leave most of the time to the checks', async () => {
  const failures: unknown[] = []
  const end = watchLinks(
    new Map([['wan1', new LinkHistory()]]),
    () => {},
    error => failures.push(error),
  )
  const until = performance.now() + 1000
  while (performance.now() < until) {
    world.tell({ type: 'address', change: 'added', device: 'wan1', address: { family: 4 } } as DeviceChange)
    await new Promise(resolve => setImmediate(resolve))
  }
  end()
  expect(failures).toEqual([])
  expect(world.readings).toBeGreaterThan(1)
  // Without pauses, there would be about 45.
  expect(world.readings).toBeLessThan(20)
})

test('a lost address is reported even if nothing else changes', async () => {
  const facts: unknown[] = []
  world.links = [{ name: 'lo', index: 1, up: true, running: true }]
  world.addresses = [{ deviceIndex: 1, address: { family: 4, scope: 'global', tentative: false } }]
  const end = watchLinks(
    new Map([['lo', new LinkHistory()]]),
    (_device, told) => facts.push(told),
    error => facts.push(error),
  )
  world.addresses = []
  world.tell({ type: 'address', change: 'removed', device: 'lo', address: { family: 4 } } as DeviceChange)
  await expect.poll(() => facts.at(-1)).toEqual({ fault: null, lost: [4] })
  end()
  expect(facts[0]).toEqual({ fault: null, lost: [] })
})
