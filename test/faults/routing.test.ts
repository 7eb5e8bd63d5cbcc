import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { RoutingWarning } from '../../src/routing/event-types.js'
import { UplinkRouting } from '../../src/routing/routing.js'
import { inject } from './inject.js'

const devices = Array.from({ length: 20 }, (_, i) => `flt${i}`)
const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' })
const batch = (lines: string[]) => execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })
const linesOf = (text: string) => text.split('\n').filter(line => line.includes('proto 77'))
const ours = () => [...linesOf(ip('rule')), ...linesOf(ip('route', 'show', 'table', 'all'))]

const atEnd: (() => unknown)[] = []
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})

/** Uses so many uplinks that writing their routes and rules takes several system calls. */
async function setUp() {
  batch(
    devices.flatMap((device, i) => [
      `link add ${device} type veth peer name ${device}p`,
      `link set ${device}p up`,
      `address add 10.88.${i}.2/24 dev ${device}`,
      `link set ${device} up`,
      `route add default via 10.88.${i}.1 dev ${device} metric ${1000 + i}`,
    ]),
  )
  atEnd.push(() => batch(devices.map(device => `link del ${device}`)))
  const checks = [{ type: 'ping', host: '127.0.0.1' } as const]
  const monitor = new UplinkMonitor({ uplinks: devices.map(device => ({ name: device, device, checks })) })
  const routing = new UplinkRouting(monitor, { ipv6: false })
  const warnings: RoutingWarning[] = []
  routing.on('warning', warning => warnings.push(warning))
  atEnd.push(() => routing.stop())
  return { monitor, routing, warnings }
}

/** The size of the complete plan: rules for each device and address plus the first and the last one, tables, and the active route. */
const complete = { rules: 2 * devices.length + 2, routes: devices.length + 1 }
const counted = () => ({
  rules: linesOf(ip('rule')).length,
  routes: linesOf(ip('route', 'show', 'table', 'all')).length,
})

describe('setting routes', () => {
  test('leaves nothing behind if it is forbidden halfway', async () => {
    const { routing } = await setUp()
    // Reading the tables takes five calls. The sixth makes the first changes.
    const end = inject({ call: 'sendmmsg', error: 'EPERM', skip: 6, times: 1 })
    await expect(routing.start()).rejects.toMatchObject({
      code: 'EPERM',
      hint: expect.stringContaining('CAP_NET_ADMIN'),
    })
    expect(end()).toEqual([1])
    expect(ours()).toEqual([])
    await routing.start()
    expect(counted()).toEqual(complete)
  })

  test.each([
    { call: 'sendmmsg', error: 'ENOBUFS' },
    { call: 'sendmmsg', error: 'ENOMEM' },
    { call: 'recvmmsg', error: 'ENOBUFS' },
    { call: 'recvmmsg', error: 'EAGAIN' },
    { call: 'recvmmsg', error: 'EINTR' },
  ])(
    'tries again after $error of any $call, also while it reads the tables at the start',
    { timeout: 60_000 },
    async fault => {
      const { routing, warnings } = await setUp()
      let tried = 0
      for (let skip = 0; skip < 20; skip++) {
        const end = inject({ ...fault, skip, times: 1 })
        await routing.start()
        const [struck] = end()
        if (struck === 0) break
        await expect.poll(counted, { timeout: 10_000 }).toEqual(complete)
        await routing.stop()
        expect(ours()).toEqual([])
        tried++
      }
      expect(tried).toBeGreaterThan(0)
      expect(warnings.filter(({ source }) => source !== 'kernel')).toEqual([])
    },
  )

  test('rejects if it fails permanently at the start, and leaves nothing', async () => {
    const { routing } = await setUp()
    const end = inject({ call: 'recvmmsg', error: 'ENOBUFS' })
    await expect(routing.start()).rejects.toMatchObject({ code: 'ENOBUFS' })
    end()
    expect(ours()).toEqual([])
    await routing.start()
    expect(counted()).toEqual(complete)
  })

  test('makes a change of state later if the first try fails', async () => {
    const { monitor, routing, warnings } = await setUp()
    await routing.start()
    const before = ip('route', 'show', 'table', '7770')
    expect(before).toMatch(devices[0]!)
    const end = inject({ call: 'sendmmsg', error: 'ENOBUFS', times: 1 })
    await monitor.force(devices[0]!, 'down')
    expect(end()).toEqual([1])
    await expect.poll(() => ip('route', 'show', 'table', '7770'), { timeout: 10_000 }).toMatch(devices[1]!)
    expect(warnings.map(({ source }) => source)).toEqual(['kernel'])
  })

  test('is undone even if the tables cannot be read', async () => {
    const { routing } = await setUp()
    await routing.start()
    const end = inject({ call: 'socket', error: 'EMFILE' })
    await routing.stop()
    end()
    expect(ours()).toEqual([])
  })
})
