import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { assembleDevices } from '../../src/system/devices/assemble.js'
import { device, deviceAddress, devices } from '../../src/system/devices/devices.js'
import { watchDevices } from '../../src/system/devices/watch.js'
import { onDeviceChange } from '../../src/system/netlink/changes.js'
import type { Link } from '../../src/system/netlink/link.js'
import type { KernelRoute } from '../../src/system/netlink/route.js'
import { neighbour } from '../../src/system/netlink/tables.js'
import { openSockets } from './open-sockets.js'

describe('devices', () => {
  it('describes lo like the rest of the system', async () => {
    const lo = (await devices()).find(({ name }) => name === 'lo')!
    expect(lo).toMatchObject({ index: 1, kind: 'loopback', up: true, running: true, mac: undefined })
    expect(lo.index).toBe(addon().deviceIndex('lo'))
    expect(lo.mtu).toBe(Number(readFileSync('/sys/class/net/lo/mtu', 'utf8')))
    expect(lo.counters.rxBytes).toBeGreaterThan(0)
    expect(lo.addresses).toContainEqual(
      expect.objectContaining({ address: '127.0.0.1', family: 4, prefixLength: 8, scope: 'host', tentative: false }),
    )
  })

  it("has every address that Node's own list has", async () => {
    const mine = (await devices()).flatMap(({ name, addresses }) =>
      addresses.map(({ address, prefixLength }) => `${name} ${address}/${prefixLength}`),
    )
    const theirs = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
      list!.map(item => `${name} ${item.cidr}`),
    )
    expect(theirs.filter(text => !mine.includes(text))).toEqual([])
    expect(theirs.length).toBeGreaterThan(0)
  })

  it('leaves nothing open, and rejects with the reason of its signal', async () => {
    const before = await openSockets()
    await Promise.all(Array.from({ length: 20 }, () => devices()))
    const reason = new Error('enough')
    await expect(devices({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await openSockets()).toBe(before)
  })

  it('refuses unknown options and invalid arguments', async () => {
    // @ts-expect-error deliberately wrong
    await expect(devices({ devices: 1 })).rejects.toThrow('unknown option "devices"')
    await expect(device('a/b')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await expect(deviceAddress('lo', 5 as 4)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })
})

describe('device and deviceAddress', () => {
  it('name the existing devices if one does not exist', async () => {
    const expected = { code: 'ENODEV', device: 'nonesuch0', hint: expect.stringContaining('lo') }
    await expect(device('nonesuch0')).rejects.toMatchObject(expected)
    await expect(deviceAddress('nonesuch0')).rejects.toMatchObject(expected)
  })

  it('find the loopback addresses', async () => {
    expect((await device('lo')).name).toBe('lo')
    expect(await deviceAddress('lo')).toBe('127.0.0.1')
    expect(await deviceAddress('lo', 6)).toBe('::1')
  })
})

describe('assembleDevices', () => {
  const link = (index: number, more: Partial<Link> = {}): Link => ({
    ...{ index, name: `d${index}`, kind: 'physical', up: true, running: true, mtu: 1500 },
    ...more,
  })
  const route = (metric: number, hops: KernelRoute['hops'], more: Partial<KernelRoute> = {}): KernelRoute => ({
    ...{ family: 4, type: 'unicast', destination: '0.0.0.0/0', table: 254, protocol: 4, metric, hops, preference: 0 },
    ...more,
  })
  const gateways = (routes: KernelRoute[]) =>
    assembleDevices([link(1), link(2), link(3)], [], routes).map(({ gateway4 }) => gateway4)

  it('among equal metrics, takes the gateway that router advertisements prefer', () => {
    const by = (preference: number, gateway: string) => route(1024, [{ deviceIndex: 1, gateway }], { preference })
    expect(gateways([by(-1, '192.0.2.1'), by(1, '192.0.2.2'), by(0, '192.0.2.3')])[0]).toBe('192.0.2.2')
  })

  it('takes the gateway of the lowest metric for each device, also from multipath routes', () => {
    expect(
      gateways([
        route(20, [{ deviceIndex: 1, gateway: '192.0.2.20' }]),
        route(10, [
          { deviceIndex: 1, gateway: '192.0.2.10' },
          { deviceIndex: 2, gateway: '192.0.2.11' },
        ]),
      ]),
    ).toEqual(['192.0.2.10', '192.0.2.11', undefined])
  })

  it('prefers the main table and routes for every source', () => {
    expect(
      gateways([
        route(1, [{ deviceIndex: 1, gateway: '192.0.2.1' }], { table: 100 }),
        route(1, [{ deviceIndex: 2, gateway: '192.0.2.2' }], { source: '192.0.2.0/24' }),
        route(1, [{ deviceIndex: 3, gateway: '192.0.2.3' }], { table: 100 }),
        route(50, [{ deviceIndex: 1, gateway: '192.0.2.4' }]),
        route(50, [{ deviceIndex: 2, gateway: '192.0.2.5' }]),
        route(0, [{ deviceIndex: 1, gateway: '192.0.2.6' }], { type: 'blackhole' }),
      ]),
    ).toEqual(['192.0.2.4', '192.0.2.5', '192.0.2.3'])
  })

  it('has no gateway if the best default route has none (point-to-point)', () => {
    expect(gateways([route(5, [{ deviceIndex: 1 }]), route(9, [{ deviceIndex: 1, gateway: '192.0.2.1' }])])[0]).toBe(
      undefined,
    )
  })

  it('names the master', () => {
    const [, second] = assembleDevices([link(1, { name: 'br0' }), link(2, { masterIndex: 1 })], [], [])
    expect(second!.master).toBe('br0')
  })
})

describe('watchDevices', () => {
  it('ends by return, even while waiting, and closes its socket', async () => {
    const before = await openSockets()
    const watch = watchDevices()
    expect(await openSockets()).toBe(before + 1)
    const waiting = watch.next()
    await watch.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await watch.next()).toEqual({ done: true, value: undefined })
    expect(await openSockets()).toBe(before)
  })

  it('rejects with the reason of its signal, waiting or not', async () => {
    const before = await openSockets()
    const reason = new Error('enough')
    const controller = new AbortController()
    const waiting = watchDevices({ signal: controller.signal })
    const idle = watchDevices({ signal: controller.signal })
    const next = waiting.next()
    controller.abort(reason)
    await expect(next).rejects.toBe(reason)
    await expect(idle.next()).rejects.toBe(reason)
    expect(await idle.next()).toEqual({ done: true, value: undefined })
    expect(await openSockets()).toBe(before)
  })

  it('shares one socket with every other subscriber of the thread', async () => {
    const before = await openSockets()
    const ends = Array.from({ length: 10 }, () => onDeviceChange(() => {}))
    const watch = watchDevices()
    await wait(20)
    expect(await openSockets()).toBe(before + 1)
    for (const end of ends) end()
    await watch.return()
    expect(await openSockets()).toBe(before)
  })
})

describe('neighbour', () => {
  it('is undefined if the kernel does not know it', () => {
    expect(neighbour('192.0.2.77', 1)?.state).toBe(undefined)
    expect(neighbour('2001:db8::77', 1)?.state).toBe(undefined)
    expect(neighbour('192.0.2.77', 999_999)?.state).toBe(undefined)
  })
})
