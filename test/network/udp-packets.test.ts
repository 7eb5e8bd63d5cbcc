import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openUdpPackets } from '../../src/protocols/udp/open-udp-packets.js'
import type { OpenUdpOptions } from '../../src/protocols/udp/udp-descriptor.js'
import type { UdpMessageInfo, UdpPacketSocket } from '../../src/protocols/udp/udp-packet-socket.js'
import { type Host, lab, needs } from '../lab/index.js'

interface Question {
  to: string
  port: number
  family: 4 | 6
  /** Receives only answers from the address that it asked, like most clients. */
  connected?: boolean
  ttl?: number
  broadcast?: boolean
  multicastFrom?: string
}

/** Runs a client on another host: sends a message and returns the answer with its source address. */
async function ask(host: Host, question: Question): Promise<{ data: string; from: string }> {
  const program = `
    const { to, port, family, connected, ttl, broadcast, multicastFrom } = ${JSON.stringify(question)}
    const socket = require('node:dgram').createSocket('udp' + family)
    const send = () => {
      if (ttl) socket.setTTL(ttl)
      if (broadcast) socket.setBroadcast(true)
      if (multicastFrom) socket.setMulticastInterface(multicastFrom)
      connected ? socket.send('ask') : socket.send('ask', port, to)
    }
    socket.on('message', (data, { address }) => {
      console.log(JSON.stringify({ data: String(data), from: address }))
      socket.close()
    })
    connected ? socket.connect(port, to, send) : socket.bind(send)
    setTimeout(() => process.exit(1), 10000).unref()`
  const child = lab.spawn(host, process.execPath, '-e', program)
  for await (const line of createInterface(child.stdout!)) return JSON.parse(line)
  throw new Error('no answer')
}

async function open(options: OpenUdpOptions): Promise<{ socket: UdpPacketSocket; port: number }> {
  const socket = await openUdpPackets(options)
  onTestFinished(() => socket.close())
  return { socket, port: socket.address().port }
}

/** Answers every message, and collects the information about it. */
function answer(socket: UdpPacketSocket): UdpMessageInfo[] {
  const infos: UdpMessageInfo[] = []
  socket.on('message', (data, info) => {
    infos.push(info)
    void socket.reply(info, Buffer.from(`re: ${data}`))
  })
  return infos
}

const linkLocal = (device: string) => {
  const text = lab.run('router', 'ip', '-6', '-o', 'addr', 'show', 'dev', device, 'scope', 'link')
  return /inet6 (fe80[^/]+)/.exec(text)![1]!
}

needs('tcpdump')

describe.each([
  [4, lab.wan2.address4],
  [6, lab.wan2.address6],
] as const)('IPv%i messages', (family, address) => {
  it('a socket on all addresses answers from the address and device that received the question', async () => {
    const { socket, port } = await open({ family })
    const infos = answer(socket)
    const others = await lab.capture('wan1', 'udp')
    const got = await ask('internet', { to: address, port, family, connected: true, ttl: 42 })
    expect(got).toEqual({ data: 're: ask', from: address })
    expect(infos).toEqual([
      {
        ...{ address: expect.any(String), family, port: expect.any(Number) },
        ...{ destination: address, localAddress: address, device: 'wan2', ttl: 41 },
      },
    ])
    expect(await others.stop()).toEqual([])
  })

  it('a socket on a device does the same', async () => {
    const { socket, port } = await open({ family, device: 'wan2' })
    const infos = answer(socket)
    const others = await lab.capture('wan1', 'udp')
    expect((await ask('internet', { to: address, port, family, connected: true })).from).toBe(address)
    expect(infos[0]).toMatchObject({ destination: address, device: 'wan2' })
    expect(await others.stop()).toEqual([])
  })

  it('a socket never answers through another device, whatever the information says', async () => {
    const { socket } = await open({ family, device: 'wan2' })
    const target = family === 4 ? lab.server.address4 : lab.server.address6
    const info = { address: target, family, port: 9, destination: address, localAddress: address, ttl: 64 }
    const others = await lab.capture('wan1', 'udp')
    for (const device of ['wan1', 'lo', undefined]) {
      await expect(socket.reply({ ...info, device }, Buffer.from('x'))).rejects.toMatchObject({ code: 'ERR_OFF_PATH' })
    }
    await socket.reply({ ...info, device: 'wan2' }, Buffer.from('x'))
    const foreign = family === 4 ? '192.0.2.77' : '2001:db8:77::1'
    await expect(
      socket.reply({ ...info, localAddress: foreign, device: 'wan2' }, Buffer.from('x')),
    ).rejects.toMatchObject({ code: expect.stringMatching(/EINVAL|ENETUNREACH/), device: 'wan2' })
    expect(await others.stop()).toEqual([])
  })

  it('receives messages to a group, and joins one on a device', async () => {
    const group = family === 4 ? '239.1.2.3' : 'ff02::4242'
    const { socket, port } = await open({ family })
    const infos = answer(socket)
    socket.addMembership(group, 'wan1')
    const to = family === 4 ? group : `${group}%customer`
    const multicastFrom = family === 4 ? lab.wan1.gateway4 : '::%customer'
    const got = await ask('isp1', { to, port, family, multicastFrom })
    const own = family === 4 ? lab.wan1.address4 : `${linkLocal('wan1')}%customer`
    expect(got).toEqual({ data: 're: ask', from: own })
    expect(infos[0]).toMatchObject({
      destination: family === 4 ? group : `${group}%wan1`,
      localAddress: family === 4 ? lab.wan1.address4 : undefined,
      device: 'wan1',
    })
    socket.dropMembership(group, 'wan1')
    expect(() => socket.dropMembership(group, 'wan1')).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }))
    expect(() => socket.addMembership(group)).toThrow(/addMembership: device/)
  })
})

it('refuses an IPv6 answer that the routes send through another device, and follows a rule for it', async () => {
  const second = '2001:db8:2::77'
  lab.run('router', 'ip', '-6', 'addr', 'add', `${second}/64`, 'dev', 'wan2', 'nodad', 'preferred_lft', '0')
  onTestFinished(() => void lab.run('router', 'ip', '-6', 'addr', 'del', `${second}/64`, 'dev', 'wan2'))
  const { socket, port } = await open({ family: 6 })
  const answers: Promise<unknown>[] = []
  socket.on('message', (data, info) => answers.push(socket.reply(info, data)))
  const others = await lab.capture('wan1', 'udp')
  const asked = ask('internet', { to: second, port, family: 6, connected: true })
  asked.catch(() => {})
  await once(socket, 'message')
  await expect(answers[0]).rejects.toMatchObject({ code: 'ERR_OFF_PATH', device: 'wan2' })
  expect(await others.stop()).toEqual([])
  const table = ['table', '77']
  lab.run('router', 'ip', '-6', 'route', 'add', 'default', 'via', lab.wan2.gateway6, 'dev', 'wan2', ...table)
  lab.run('router', 'ip', '-6', 'rule', 'add', 'from', second, ...table)
  onTestFinished(() => void lab.run('router', 'ip', '-6', 'rule', 'del', 'from', second, ...table))
  expect(await ask('internet', { to: second, port, family: 6, connected: true })).toEqual({ data: 'ask', from: second })
})

it('answers a broadcast from the address of the device', async () => {
  const { socket, port } = await open({})
  const infos = answer(socket)
  const to = lab.run('router', 'ip', '-4', '-o', 'addr', 'show', 'dev', 'wan1').match(/brd ([\d.]+)/)?.[1]
  const got = await ask('isp1', {
    to: to ?? lab.wan1.address4.replace(/\d+$/, '255'),
    port,
    family: 4,
    broadcast: true,
  })
  expect(got.from).toBe(lab.wan1.address4)
  expect(infos[0]).toMatchObject({ localAddress: lab.wan1.address4, device: 'wan1' })
  expect(infos[0]!.destination).toMatch(/\.255$/)
})

it('answers a link-local question, with the zones of both ends', async () => {
  const { socket, port } = await open({ family: 6 })
  const infos = answer(socket)
  const own = linkLocal('wan1')
  const got = await ask('isp1', { to: `${own}%customer`, port, family: 6, connected: true })
  expect(got.data).toBe('re: ask')
  expect(infos[0]).toMatchObject({ destination: `${own}%wan1`, localAddress: `${own}%wan1`, device: 'wan1' })
  expect(infos[0]!.address).toMatch(/^fe80:.*%wan1$/)
})

it('closes with its device, and reports why', async () => {
  const third = lab.addDevice('udp0')
  const { socket } = await open({ device: 'udp0' })
  await new Promise(resolve => setTimeout(resolve, 100))
  third.remove()
  const [error] = await once(socket, 'error')
  expect(error).toMatchObject({ code: 'ENODEV', device: 'udp0' })
  expect(socket.closed).toBe(true)
  await expect(socket.send(Buffer.from('x'), 9, lab.server.address4)).rejects.toMatchObject({
    code: 'ERR_SOCKET_CLOSED',
  })
})

it('closes with its signal, and sends like an ordinary socket', async () => {
  const controller = new AbortController()
  const { socket: one } = await open({ host: '127.0.0.1', signal: controller.signal })
  const { socket: other, port } = await open({ host: '127.0.0.1' })
  await one.send(Buffer.from('hello'), port, '127.0.0.1')
  const [data, info] = await once(other, 'message')
  expect(String(data)).toBe('hello')
  expect(info).toMatchObject({ destination: '127.0.0.1', device: 'lo', port: one.address().port })
  await expect(one.send(Buffer.alloc(65_508), port, '127.0.0.1')).rejects.toMatchObject({ code: 'EMSGSIZE' })
  await expect(one.send(Buffer.from('x'), port, '::1')).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
  controller.abort()
  await once(one, 'close')
  expect(one.closed).toBe(true)
})
