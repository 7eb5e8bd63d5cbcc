import { beforeEach, describe, expect, it } from 'vitest'
import { pathMtu } from '../../src/protocols/path-mtu/path-mtu.js'
import { PathMtuSearch, type SizeVerdict } from '../../src/protocols/path-mtu/search.js'
import { openSockets } from './open-sockets.js'
import { requires } from './requirements.js'

/** Runs the search and returns the sizes that it tried. */
function drive(search: PathMtuSearch, path: (size: number) => SizeVerdict): number[] {
  const sizes = []
  for (let size = search.next; size !== undefined; size = search.next) {
    sizes.push(size)
    search.record(path(size))
    if (sizes.length > 40) throw new Error('no end')
  }
  return sizes
}

const device = (mtu: number, beyond: (size: number) => SizeVerdict) => (size: number) =>
  size > mtu ? ({ outcome: 'too-big-here', limit: mtu } as const) : beyond(size)
const passed = { outcome: 'passed' } as const
const silent = { outcome: 'silent' } as const

describe('the search for a path MTU', () => {
  it('uses the sizes that routers report, one after the other', () => {
    const search = new PathMtuSearch(68, 65_535)
    const tell = (size: number, limit: number, by: string) =>
      size > limit && ({ outcome: 'too-big', limit, by } as const)
    const sizes = drive(
      search,
      device(1500, size => tell(size, 1480, 'a') || tell(size, 1400, 'b') || passed),
    )
    expect(sizes).toEqual([68, 65_535, 1500, 1480, 1400])
    expect(search).toMatchObject({ passed: 1400, method: 'too-big', limitedBy: 'b' })
  })

  it.each([68, 69, 576, 1279, 1280, 1281, 1400, 1498, 1499, 1500])('finds %i without answers from routers', mtu => {
    const search = new PathMtuSearch(68, 65_535)
    const sizes = drive(
      search,
      device(1500, size => (size > mtu ? silent : passed)),
    )
    expect(search.passed).toBe(mtu)
    expect(search.method).toBe(mtu === 1500 ? 'device' : 'search')
    expect(sizes.length).toBeLessThanOrEqual(15)
  })

  it('believes a limit of the smallest size, which many IPv6 tunnels have', () => {
    const limit = 1280
    const here = new PathMtuSearch(limit, 65_575)
    expect(
      drive(
        here,
        device(limit, () => passed),
      ),
    ).toEqual([limit, 65_575])
    expect(here).toMatchObject({ passed: limit, method: 'device' })
    const reported = new PathMtuSearch(limit, 65_575)
    const tunnel = (size: number) => (size > limit ? ({ outcome: 'too-big', limit, by: 'a' } as const) : passed)
    expect(drive(reported, device(1500, tunnel))).toEqual([limit, 65_575, 1500])
    expect(reported).toMatchObject({ passed: limit, method: 'too-big', limitedBy: 'a' })
  })

  it('finds it past a router that reports nothing useful, or lies', () => {
    for (const limit of [undefined, 0, 20, 70_000]) {
      const search = new PathMtuSearch(68, 65_535)
      drive(
        search,
        device(1500, size => (size > 1413 ? { outcome: 'too-big', limit, by: 'a' } : passed)),
      )
      expect(search).toMatchObject({ passed: 1413, method: 'search', limitedBy: 'a' })
    }
  })

  it('ends soon, whatever a router reports: no one leads it down byte by byte', () => {
    for (const passing of [0, 68, 1280]) {
      const search = new PathMtuSearch(68, 65_535)
      const lies = (size: number) => ({ outcome: 'too-big', limit: size - 1, by: 'a' }) as const
      drive(
        search,
        device(9000, size => (size > passing ? lies(size) : passed)),
      )
      expect(search.passed).toBe(passing || undefined)
    }
  })

  it('continues below the size that a router reports, if that does not pass', () => {
    const search = new PathMtuSearch(1280, 65_575)
    drive(
      search,
      device(1500, size => {
        if (size > 1450) return { outcome: 'too-big', limit: 1450, by: 'a' }
        return size > 1390 ? silent : passed
      }),
    )
    expect(search).toMatchObject({ passed: 1390, method: 'search', limitedBy: undefined })
  })

  it('ends immediately if nothing passes', () => {
    const search = new PathMtuSearch(1280, 65_575)
    expect(drive(search, () => silent)).toEqual([1280])
    expect(search.passed).toBeUndefined()
  })
})

describe('pathMtu on loopback', () => {
  beforeEach(context => requires(context, 'ping'))

  it.each([
    // The largest IPv4 packet, although the device's MTU is 65,536.
    ['127.0.0.1', 65_535, 2],
    ['::1', 65_536, 3],
    ['localhost', 65_535, 2],
  ])('%s', async (host, mtu, probes) => {
    const family = host === '::1' ? 6 : 4
    const before = await openSockets()
    expect(await pathMtu(host, { family })).toEqual({
      host,
      address: family === 6 ? '::1' : '127.0.0.1',
      family,
      mtu,
      method: 'device',
      limitedBy: undefined,
      probes,
      reason: undefined,
    })
    expect(await openSockets()).toBe(before)
  })

  it('refuses wrong arguments by name', async () => {
    await expect(pathMtu('')).rejects.toThrow(/host/)
    await expect(pathMtu('::1', { timeout: 0 })).rejects.toThrow(/timeout/)
    // @ts-expect-error no such option
    await expect(pathMtu('::1', { size: 1500 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await expect(pathMtu('::1', { family: 4 })).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
    await expect(pathMtu('127.0.0.1', { device: 'nonesuch0' })).rejects.toMatchObject({ code: 'ENODEV' })
    await expect(pathMtu('127.0.0.1', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
  })
})
