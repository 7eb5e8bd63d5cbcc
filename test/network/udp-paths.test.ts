import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openUdp } from '../../src/protocols/udp/open-udp.js'
import type { OpenUdpOptions } from '../../src/protocols/udp/udp-descriptor.js'
import { type CapturedPacket, lab, needs } from '../lab/index.js'
import { echoServer } from './echo-server.js'
import { movedDuring } from './moved.js'
import { quiet } from './quiet.js'

needs('dnsmasq', 'tcpdump')

const port = 7011
const device = 'wan2'
const { server, wan1, wan2 } = lab
const families = [4, 6] as const
const address = { 4: server.address4, 6: server.address6 }
const groups = { 4: '239.1.2.3', 6: 'ff05::7711' }
const own = { 4: wan2.address4, 6: '::%wan2' }
const offPath = { name: 'NetviaError', code: 'ERR_OFF_PATH', device, hint: expect.any(String) }

beforeAll(async () => {
  await echoServer(port)
  await lab.dnsmasq([
    `host-record=${server.name},${server.address4},${server.address6}`,
    `host-record=router.test,${wan2.address4},${wan2.address6}`,
  ])
})

beforeEach(quiet)

async function open(options: OpenUdpOptions = {}): Promise<Socket> {
  const socket = await openUdp({ device, ...options })
  onTestFinished(() => void socket.close())
  return socket
}

/**
 * Checks that the action's traffic uses wan2 and not wan1. Counts only UDP, because IPv6 talks to neighbours on its own at any time.
 */
async function onlyOnWan2(action: () => Promise<unknown>): Promise<void> {
  const captures = await Promise.all(['wan1', 'wan2'].map(name => lab.capture(name, 'udp')))
  await action()
  const [first, second] = await Promise.all(captures.map(capture => capture.stop()))
  expect(first).toEqual([])
  expect(second!.length).toBeGreaterThan(0)
}

async function answered(socket: Socket): Promise<void> {
  expect(String((await once(socket, 'message'))[0])).toBe('hello')
}

describe.each(families)('names, over IPv%i', family => {
  test('send resolves the name over the device', async () => {
    const socket = await open({ family })
    await onlyOnWan2(async () => {
      socket.send('hello', port, server.name)
      await answered(socket)
    })
  })

  test('connect resolves the name over the device', async () => {
    const socket = await open({ family })
    await onlyOnWan2(async () => {
      socket.connect(port, server.name)
      await once(socket, 'connect')
      expect(socket.remoteAddress().address).toBe(address[family])
    })
  })

  test('the host to bind to is resolved over the device', async () => {
    await onlyOnWan2(async () => {
      const socket = await open({ family, host: 'router.test' })
      expect(socket.address().address).toBe(family === 4 ? wan2.address4 : wan2.address6)
    })
  })

  test('a name that does not exist is an error of the call', async () => {
    const socket = await open({ family })
    await onlyOnWan2(async () => {
      const error = await new Promise(done => socket.send('x', port, 'nosuch.test', done))
      expect(error).toMatchObject({ code: 'ENOTFOUND', device })
      const failed = new Promise(done => socket.connect(port, 'nosuch.test', done as () => void))
      expect(await failed).toMatchObject({ code: 'ENOTFOUND', device })
    })
  })

  test('every overload of send', async () => {
    const socket = await open({ family })
    await onlyOnWan2(async () => {
      socket.send(Buffer.from('-hello-'), 1, 5, port, server.name)
      await answered(socket)
      socket.send(['hel', 'lo'], port, server.name, () => {})
      await answered(socket)
      socket.send('hello', port, server.name, () => {})
      await answered(socket)
    })
  })

  test('after disconnect() the socket is still bound to its device', async () => {
    const socket = await open({ family })
    socket.connect(port, address[family])
    await once(socket, 'connect')
    socket.disconnect()
    await onlyOnWan2(() => new Promise(done => socket.send('hello', port, address[family], done)))
  })
})

test.each(families)('after disconnect() over IPv%i the socket receives only from its device', async family => {
  const socket = await open({ family })
  socket.connect(9, address[family])
  await once(socket, 'connect')
  socket.disconnect()
  // Sending gives the socket a port again.
  await new Promise(done => socket.send('x', 9, address[family], done))
  const heard = once(socket, 'message')
  const [other, named] = family === 4 ? [wan1.address4, wan2.address4] : [wan1.address6, wan2.address6]
  for (const host of [other, named]) {
    // Send from the address that it was connected to. An IPv6 socket receives from no other address after that, see docs/paths.md.
    const program = `const s = require('node:dgram').createSocket('udp${family}')
      s.bind(0, '${address[family]}', () => s.send('${host}', ${socket.address().port}, '${host}', () => s.close()))`
    await once(lab.spawn('internet', process.execPath, '-e', program), 'exit')
  }
  expect(String((await heard)[0])).toBe(named)
})

describe.each(families)('multicast, over IPv%i', family => {
  const group = groups[family]
  /** IGMP or MLD. Only MLD has the hop-by-hop option of RFC 3810 here. Neighbour discovery doesn't. */
  const isReport = ({ protocol }: CapturedPacket) => protocol === (family === 4 ? 2 : 0)

  /** The number of membership reports that each uplink sends during `action`. */
  async function reports(action: () => void): Promise<[wan1: number, wan2: number]> {
    const captures = await Promise.all(['wan1', 'wan2'].map(name => lab.capture(name, 'igmp or ip6')))
    action()
    await new Promise(done => setTimeout(done, 700))
    const seen = await Promise.all(captures.map(capture => capture.stop()))
    const [first, second] = seen.map(packets => packets.filter(isReport).length)
    return [first!, second!]
  }

  const source = address[family]
  test.each<[string, (socket: Socket) => void, (socket: Socket) => void]>([
    ['addMembership', s => s.addMembership(group), s => s.dropMembership(group)],
    [
      "addMembership with the device's address or zone",
      s => s.addMembership(group, own[family]),
      s => s.dropMembership(group, own[family]),
    ],
    ["addMembership with the device's name", s => s.addMembership(group, 'wan2'), s => s.dropMembership(group)],
    [
      'addSourceSpecificMembership',
      s => s.addSourceSpecificMembership(source, group),
      s => s.dropSourceSpecificMembership(source, group),
    ],
  ])('%s: joins and leaves on the device', async (_name, join, leave) => {
    const socket = await open({ family })
    const [joined1, joined2] = await reports(() => join(socket))
    expect(joined1).toBe(0)
    expect(joined2).toBeGreaterThan(0)
    const [left1, left2] = await reports(() => leave(socket))
    expect(left1).toBe(0)
    expect(left2).toBeGreaterThan(0)
  })

  test('packets to the group through the device are received', async () => {
    const socket = await open({ family })
    socket.addMembership(group)
    const send = (via: string, host: 'isp1' | 'isp2') => {
      const program = `
        const s = require('node:dgram').createSocket('udp${family}')
        s.bind(0, () => {
          s.setMulticastInterface('${via}')
          s.send('from ${host}', ${socket.address().port}, '${group}', () => s.close())
        })`
      return once(lab.spawn(host, process.execPath, '-e', program), 'exit')
    }
    const heard = once(socket, 'message')
    await send(family === 4 ? wan1.gateway4 : '::%customer', 'isp1')
    await send(family === 4 ? wan2.gateway4 : '::%customer', 'isp2')
    expect(String((await heard)[0])).toBe('from isp2')
  })

  test('packets to a group use the device', async () => {
    const socket = await open({ family })
    await onlyOnWan2(() => new Promise(done => socket.send('x', 9, group, done)))
    socket.setMulticastInterface(own[family])
    await onlyOnWan2(() => new Promise(done => socket.send('x', 9, group, done)))
    socket.setMulticastInterface(family === 4 ? '0.0.0.0' : '::')
    await onlyOnWan2(() => new Promise(done => socket.send('x', 9, group, done)))
  })

  const others = family === 4 ? [wan1.address4, '127.0.0.1', '192.0.2.99'] : ['::%wan1', 'fe80::1%wan1', '::1', '::%lo']
  test.each(['wan1', 'nosuch0', ...others])('another device is refused: %s', async other => {
    const socket = await open({ family })
    const calls = [
      () => socket.addMembership(group, other),
      () => socket.dropMembership(group, other),
      () => socket.addSourceSpecificMembership(source, group, other),
      () => socket.dropSourceSpecificMembership(source, group, other),
      () => socket.setMulticastInterface(other),
    ]
    const moved = await movedDuring(async () => {
      for (const call of calls) expect(call).toThrow(expect.objectContaining(offPath))
    })
    expect(moved).toEqual({ wan1: 0, wan2: 0 })
  })

  test("the kernel's errors name the group", async () => {
    const socket = await open({ family })
    expect(() => socket.addMembership(address[family])).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'addMembership', address: address[family], device }),
    )
    expect(() => socket.dropMembership(group)).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL', device }))
    expect(() => socket.addMembership(groups[family === 4 ? 6 : 4])).toThrow(
      expect.objectContaining({ code: 'ERR_ADDRESS_FAMILY' }),
    )
  })
})

test.each([
  ['a neighbour', 'fe80::99%wan1'],
  ['a group', 'ff02::7711%wan1'],
])('the zone of another device is refused: %s', async (_name, target) => {
  const socket = await open({ family: 6 })
  const moved = await movedDuring(async () => {
    expect(await new Promise(done => socket.send('x', 9, target, done))).toMatchObject(offPath)
    expect(await new Promise(done => socket.connect(9, target, done as () => void))).toMatchObject(offPath)
  })
  expect(moved.wan1).toBe(0)
})
