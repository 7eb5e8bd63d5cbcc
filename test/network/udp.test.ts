import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { beforeAll, expect, test } from 'vitest'
import { openUdp } from '../../src/protocols/udp/open-udp.js'
import { lab } from '../lab/index.js'
import { openSockets } from '../unit/open-sockets.js'
import { echoServer } from './echo-server.js'
import { sentDuring } from './moved.js'

const port = 7001
const { address4, address6 } = lab.server

beforeAll(() => echoServer(port))

async function echo(socket: Socket, address: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    socket.send(`message ${i}`, port, address)
    expect(String((await once(socket, 'message'))[0])).toBe(`message ${i}`)
  }
}

test.each([
  ['wan1', address4, 4],
  ['wan2', address4, 4],
  ['wan1', address6, 6],
  ['wan2', address6, 6],
] as const)('over %s to %s, and by no other device', async (device, address, family) => {
  const sent = await sentDuring(async () => {
    const socket = await openUdp({ device, family })
    await echo(socket, address, 10)
    socket.close()
  })
  expect(sent).toEqual({ wan1: 0, wan2: 0, [device]: 10 })
})

test("with wan2's address alone the packets use wan1", async () => {
  const sent = await sentDuring(async () => {
    const socket = await openUdp({ localAddress: lab.wan2.address4 })
    await echo(socket, address4, 10)
    socket.close()
  })
  expect(sent).toEqual({ wan1: 10, wan2: 0 })
})

test('packets through another device are not received', async () => {
  const socket = await openUdp({ device: 'wan2' })
  const received: string[] = []
  socket.on('message', message => received.push(String(message)))
  const send = async (to: string) => {
    const program = `const s = require('node:dgram').createSocket('udp4'); s.send('to ${to}', ${socket.address().port}, '${to}', () => s.close())`
    const child = lab.spawn('internet', process.execPath, '-e', program)
    await once(child, 'exit')
  }
  await send(lab.wan1.address4)
  await send(lab.wan2.address4)
  while (received.length === 0) await once(socket, 'message')
  expect(received).toEqual([`to ${lab.wan2.address4}`])
  socket.close()
})

test('the device deleted: the socket reports it and closes', async () => {
  const before = await openSockets()
  const gone = lab.addDevice('gone2')
  const socket = await openUdp({ device: 'gone2' })
  const closed = new Promise<void>(done => socket.once('close', done))
  gone.remove()
  const error = await new Promise(done => socket.once('error', done))
  expect(error).toMatchObject({ code: 'ENODEV', device: 'gone2' })
  await closed
  expect(await openSockets()).toBe(before)
})
