import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { onDeviceLoss } from '../../src/system/device-loss.js'
import { onDeviceReturn } from '../../src/system/device-return.js'
import { uncaught } from './uncaught.js'

// Deleting a device needs privilege, so this file simulates netlink and the kernel. test/network uses the real ones.
const netlink = vi.hoisted(() => ({
  callbacks: new Set<(change: object) => void>(),
  refused: false,
  gone: new Set<string>(),
  verified: 0,
  addresses: [] as string[],
}))

vi.mock('../../src/system/netlink/changes.js', () => ({
  onDeviceChange(callback: (change: object) => void) {
    if (netlink.refused) throw new Error('EPERM')
    netlink.callbacks.add(callback)
    return () => netlink.callbacks.delete(callback)
  },
}))

vi.mock('../../src/sockets/open.js', () => ({
  verifyDevice(_fd: number, device: string) {
    netlink.verified++
    if (netlink.gone.has(device)) throw new Error(`${device} ENODEV`)
  },
}))

vi.mock('../../src/system/netlink/tables.js', async original => ({
  ...(await original<object>()),
  readAddresses: () =>
    netlink.addresses.map(address => ({ deviceIndex: 1, address: { address, family: 4, scope: 'global' } })),
}))

const report = (change: object) => {
  for (const callback of netlink.callbacks) callback(change)
}
const link = (change: string, device: string, up = true, previous?: object) =>
  report({ type: 'link', change, device, link: { up, running: up }, previous })

beforeEach(() => {
  netlink.refused = false
  netlink.verified = 0
  netlink.gone.clear()
})

afterEach(() => expect(netlink.callbacks.size).toBe(0))

describe('the loss of an address', () => {
  /** Leaves these to lo. */
  const addressChange = (change: 'added' | 'removed', address: string, left: string[]) => {
    netlink.addresses = left
    report({ type: 'address', change, device: 'lo', index: 1, address: { address, family: 4 } })
  }
  const [old, other] = ['192.0.2.1', '192.0.2.2']

  test.each([
    ['that was missing before', [other, old], 1500, 'removed', old],
    ['that nothing had replaced before', [], 3000, 'added', other],
  ] as const)('%s is reported after two seconds', async (_what, before, ms, change, address) => {
    const lost = vi.fn()
    const end = onDeviceLoss(1, 'lo', lost, () => true, old)
    await sleep(100)
    addressChange('removed', old, [...before])
    await sleep(ms)
    expect(lost).not.toHaveBeenCalled()
    const since = performance.now()
    addressChange(change, address, [other])
    await expect.poll(() => lost.mock.calls.length, { timeout: 10_000 }).toBe(1)
    expect(performance.now() - since).toBeGreaterThan(1990)
    expect(lost.mock.calls[0]![0]).toMatchObject({ code: 'EADDRNOTAVAIL', device: 'lo', address: old })
    end()
  })
})

describe('the loss of a device', () => {
  test('is reported by netlink immediately, once, and only to its own sockets', async () => {
    const [lost, other] = [vi.fn(), vi.fn()]
    onDeviceLoss(1, 'wan1', lost)
    const end = onDeviceLoss(2, 'wan2', other)
    await sleep(100)
    netlink.gone.add('wan1')
    link('removed', 'wan1')
    link('removed', 'wan1')
    expect(lost).toHaveBeenCalledOnce()
    expect(other).not.toHaveBeenCalled()
    end()
  })

  test('is reported to every socket, even if the callback of one throws', async () => {
    const thrown = uncaught()
    const other = vi.fn()
    onDeviceLoss(1, 'wan1', () => {
      throw new Error('mine')
    })
    onDeviceLoss(2, 'wan1', other)
    await sleep(100)
    netlink.gone.add('wan1')
    link('removed', 'wan1')
    expect(other).toHaveBeenCalledOnce()
    await sleep(1)
    expect(thrown).toEqual([new Error('mine')])
  })

  test('is detected even if it happened before netlink listened, or in a lost message', async () => {
    const [early, later] = [vi.fn(), vi.fn()]
    onDeviceLoss(1, 'wan1', early)
    onDeviceLoss(2, 'wan2', later)
    netlink.gone.add('wan1')
    await expect.poll(() => early.mock.calls.length).toBe(1)
    netlink.gone.add('wan2')
    report({ type: 'overrun' })
    expect(later).toHaveBeenCalledOnce()
  })

  test('includes a change of name', async () => {
    const lost = vi.fn()
    onDeviceLoss(1, 'wan1', lost)
    await sleep(100)
    netlink.gone.add('wan1')
    link('changed', 'old', true, { name: 'wan1', up: true, running: true })
    expect(lost).toHaveBeenCalledOnce()
  })

  test('is found by polling if netlink is forbidden', async () => {
    netlink.refused = true
    const lost = vi.fn()
    onDeviceLoss(1, 'wan1', lost)
    await sleep(100)
    netlink.gone.add('wan1')
    await expect.poll(() => lost.mock.calls.length).toBe(1)
    const { verified } = netlink
    await sleep(300)
    expect(netlink.verified).toBe(verified)
  })

  test('is not reported to a closed socket, and costs a short-lived one nothing', async () => {
    const lost = vi.fn()
    onDeviceLoss(1, 'wan1', lost, () => false)
    onDeviceLoss(2, 'wan1', lost)()
    onDeviceLoss(3, undefined, lost)()
    netlink.gone.add('wan1')
    await sleep(150)
    expect(lost).not.toHaveBeenCalled()
    expect(netlink.verified).toBe(0)
  })
})

describe('the return of a device', () => {
  test('is a change of its link, addresses or routes, and not of other devices', () => {
    const heard: string[] = []
    const end = onDeviceReturn('wan1', what => heard.push(what))
    link('added', 'wan2')
    link('removed', 'wan1')
    link('added', 'wan1', false)
    report({ type: 'address', change: 'removed', device: 'wan1' })
    expect(heard).toEqual([])
    link('added', 'wan1')
    link('changed', 'wan1', true, { up: false, running: false })
    link('changed', 'wan1', true, { up: true, running: true })
    report({ type: 'address', change: 'added', device: 'wan1' })
    report({ type: 'route', change: 'added', device: 'wan1' })
    report({ type: 'overrun' })
    expect(heard).toEqual(['link', 'link', 'address', 'address', 'address'])
    end()
  })

  test('is not reported if netlink is forbidden', () => {
    netlink.refused = true
    expect(() => onDeviceReturn('wan1', () => {})()).not.toThrow()
  })
})
