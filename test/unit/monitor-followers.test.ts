import { expect, onTestFinished, test, vi } from 'vitest'
import { UplinkGroup, UplinkMonitor } from '../../src/index.js'

test("a monitor may have many followers without Node's leak warning", async () => {
  const suspect = vi.fn()
  process.on('warning', suspect)
  onTestFinished(() => void process.off('warning', suspect))
  const check = { type: 'tcp', host: '127.0.0.1', port: 9 } as const
  const monitor = new UplinkMonitor({ uplinks: [{ name: 'fibre', device: 'lo', checks: [check] }] })
  const groups = Array.from({ length: 20 }, () => new UplinkGroup(monitor, { policy: 'failover' }))
  await new Promise(resolve => setImmediate(resolve))
  expect(suspect).not.toHaveBeenCalled()
  await Promise.all(groups.map(group => group.close()))
  expect(monitor.listenerCount('state')).toBe(0)
  expect(monitor.listenerCount('configure')).toBe(0)
})
