import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { openIcmp, openUdp, openUdpPackets, ping } from '../../src/index.js'
import { lab } from '../lab/index.js'

const device = 'first7'
const other = 'second7'
const host = '10.97.0.9'
const payload = Buffer.from('x')

/** `ip link add index`, or a device that moves to another namespace and keeps its index. */
function add(name: string, index: readonly string[] = []): void {
  const ip = (...words: string[]) => lab.run('router', 'ip', ...words)
  ip('link', 'add', ...index, 'name', name, 'type', 'veth', 'peer', 'name', 'far7')
  // IPv6 would send packets of its own.
  for (const end of [name, 'far7']) lab.run('router', 'sysctl', '-qw', `net.ipv6.conf.${end}.disable_ipv6=1`)
  for (const end of [name, 'far7']) ip('link', 'set', end, 'up')
  ip('address', 'add', '10.97.0.1/24', 'dev', name)
  ip('neighbour', 'add', host, 'lladdr', '02:00:00:00:00:09', 'nud', 'permanent', 'dev', name)
}

function remove(name: string): void {
  lab.run('router', 'ip', 'link', 'delete', name)
}

const indexOf = (name: string) => /^\d+/.exec(lab.run('router', 'ip', '-o', 'link', 'show', name))![0]

type Send = () => Promise<unknown>

const sockets: Record<string, () => Promise<Send>> = {
  async openUdp() {
    const socket = await openUdp({ device, family: 4 })
    socket.on('error', () => {})
    const closed = new Promise<void>(resolve => socket.once('close', resolve))
    onTestFinished(() => closed)
    return () => new Promise<void>((resolve, reject) => socket.send(payload, 9, host, e => (e ? reject(e) : resolve())))
  },
  async 'openUdp, connected'() {
    const socket = await openUdp({ device, family: 4 })
    socket.on('error', () => {})
    const closed = new Promise<void>(resolve => socket.once('close', resolve))
    onTestFinished(() => closed)
    await new Promise<void>(resolve => socket.connect(9, host, resolve))
    return () => new Promise<void>((resolve, reject) => socket.send(payload, e => (e ? reject(e) : resolve())))
  },
  async openUdpPackets() {
    const socket = await openUdpPackets({ device, family: 4 })
    socket.on('error', () => {})
    onTestFinished(() => socket.close())
    return () => socket.send(payload, 9, host)
  },
  async openIcmp() {
    const socket = openIcmp({ device, family: 4 })
    socket.on('error', () => {})
    onTestFinished(() => socket.close())
    return () => socket.send({ family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload }, host)
  },
  async ping() {
    return async () => {
      const { error } = await ping(host, { device, timeout: 1 })
      if (error) throw error
    }
  },
}

beforeEach(() => add(device))

it.each(Object.entries(sockets))('%s sends nothing by a device that got the index of its own', async (_, open) => {
  const send = await open()
  await send()
  expect(lab.counters(device).txPackets).toBeGreaterThan(0)
  const index = indexOf(device)
  // All in one turn of the event loop: netlink's report is not read yet.
  remove(device)
  add(other, ['index', index])
  onTestFinished(() => remove(other))
  expect(await Promise.allSettled([send(), send()])).toMatchObject(
    Array.from({ length: 2 }, () => ({ status: 'rejected', reason: { code: 'ENODEV' } })),
  )
  expect(lab.counters(other).txPackets).toBe(0)
})
