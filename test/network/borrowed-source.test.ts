import { beforeEach, expect, test } from 'vitest'
import { type CheckEvent, type StateEvent, UplinkMonitor } from '../../src/index.js'
import { atEnd, lab } from '../lab/index.js'

const lanAddress = '2001:db8:77::1'
let states: StateEvent[]
let checks: CheckEvent[]

beforeEach(() => {
  states = []
  checks = []
})

/** A monitor that checks wan1 and another device over IPv6. */
function watched(device: string): UplinkMonitor {
  const check = { type: 'ping' as const, host: lab.server.address6, timeout: 500 }
  const uplinks = ['wan1', device].map(name => ({ name, device: name, checks: [check] }))
  const monitor = new UplinkMonitor({ uplinks, interval: 200, failureInterval: 200, recoveryInterval: 200 })
  monitor.on('state', event => states.push(event)).on('check', event => checks.push(event))
  atEnd(() => monitor.stop())
  monitor.start()
  return monitor
}

const ip = (...args: string[]) => lab.run('router', 'ip', ...args)
const stateOf = (monitor: UplinkMonitor, name: string) =>
  monitor.snapshot().uplinks.find(uplink => uplink.name === name)!.state

test('an uplink whose addresses are all deprecated is down, and the reason names the address that its packets use', async () => {
  const { address6 } = lab.addDevice('dep0')
  ip('address', 'change', `${address6}/64`, 'dev', 'dep0', 'preferred_lft', '0', 'valid_lft', '1000')
  const monitor = watched('dep0')
  await expect.poll(() => stateOf(monitor, 'dep0'), { timeout: 20_000 }).toBe('down')
  const { reason } = states.find(({ to }) => to === 'down')!
  expect(reason).toMatch(/timeout \(IPv6 packets have the address \S+ of (wan1|wan2)\)/)
})

test('an uplink that loses its address stays up while its packets use a working address of a LAN', async () => {
  const { address6, gateway6 } = lab.addDevice('pd0')
  ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1')
  atEnd(() => ip('link', 'delete', 'lan0'))
  for (const end of ['lan0', 'lan1']) ip('link', 'set', end, 'up')
  ip('address', 'add', `${lanAddress}/64`, 'dev', 'lan0', 'nodad')
  const [linkLocal] = ip('-6', 'address', 'show', 'dev', 'pd0', 'scope', 'link').match(/fe80:[^/]+/)!
  lab.run('internet', 'ip', 'route', 'add', '2001:db8:77::/64', 'via', linkLocal, 'dev', 'pd0')
  const [route] = ip('-6', 'route', 'show', 'default', 'dev', 'pd0').match(/metric \d+/)!
  ip('-6', 'route', 'change', 'default', 'via', gateway6, 'dev', 'pd0', ...route.split(' '), 'src', lanAddress)
  const monitor = watched('pd0')
  await expect.poll(() => stateOf(monitor, 'pd0'), { timeout: 20_000 }).toBe('up')
  ip('address', 'delete', `${address6}/64`, 'dev', 'pd0')
  const lost = checks.length
  await expect.poll(() => checks.length, { timeout: 20_000 }).toBeGreaterThan(lost + 20)
  expect(states.filter(({ uplink }) => uplink === 'pd0').map(({ to }) => to)).toEqual(['up'])
  // Without the LAN's address, the kernel gives packets the address of another uplink.
  ip('address', 'delete', `${lanAddress}/64`, 'dev', 'lan0')
  await expect
    .poll(() => states.at(-1), { timeout: 20_000 })
    .toMatchObject({
      ...{ uplink: 'pd0', to: 'down', reason: 'no IPv6 address any more' },
    })
})
