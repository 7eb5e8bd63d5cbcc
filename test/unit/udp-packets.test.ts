import { expect, onTestFinished, test } from 'vitest'
import { openUdp, openUdpPackets, type UdpMessageInfo } from '../../src/index.js'
import { uncaught } from './uncaught.js'

const host = '127.0.0.1'
const data = Buffer.from('x')

async function opened(options: object = {}) {
  const socket = await openUdpPackets({ host, ...options })
  onTestFinished(() => socket.close())
  return socket
}

test('a listener that throws keeps no message from the others', async () => {
  const thrown = uncaught()
  const [socket, sender] = [await opened(), await opened()]
  let received = 0
  socket.on('message', () => {
    received++
    throw new Error('mine')
  })
  const { port } = socket.address()
  for (let i = 0; i < 20; i++) await sender.send(data, port, host)
  await expect.poll(() => received, { timeout: 10_000 }).toBe(20)
  await expect.poll(() => thrown.length, { timeout: 10_000 }).toBe(20)
})

const odd = [
  null,
  5.5,
  Number.NaN,
  5n,
  Symbol('odd'),
  {},
  [],
  Object.create(null),
  () => 1,
  '',
  'a/b',
  'sixteen letters!',
]

test.each(odd)('what is no message, group or device is refused by name (%#)', async value => {
  const own = await opened({ device: 'lo' })
  const plain = await opened()
  const info = { address: host, family: 4, port: 9, destination: host, localAddress: host, device: 'lo', ttl: 1 }
  for (const socket of [own, plain]) {
    const replies = [{ ...info, device: value }, { ...info, address: value }, { ...info, port: value }, value]
    for (const reply of replies) {
      await expect(socket.reply(reply as UdpMessageInfo, data)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    }
    const invalid = expect.objectContaining({ name: 'NetviaError', code: 'ERR_INVALID_ARG_VALUE' })
    expect(() => socket.addMembership('224.0.0.251', value as string)).toThrow(invalid)
    expect(() => socket.dropMembership(value as string, 'lo')).toThrow(invalid)
  }
})

test.each(odd.filter(value => value !== ''))('nor as the interface of a socket of Node (%#)', async value => {
  const socket = await openUdp({ host, device: 'lo' })
  onTestFinished(() => void socket.close())
  const refused = expect.objectContaining({
    name: 'NetviaError',
    code: typeof value === 'string' ? 'ERR_OFF_PATH' : 'ERR_INVALID_ARG_VALUE',
  })
  expect(() => socket.addMembership('224.0.0.251', value as string)).toThrow(refused)
  expect(() => socket.dropMembership('224.0.0.251', value as string)).toThrow(refused)
  expect(() => socket.setMulticastInterface(value as string)).toThrow(refused)
})

test('a group on another device than the socket is on is off its path', async () => {
  const socket = await opened({ device: 'lo' })
  const refused = expect.objectContaining({ name: 'NetviaError', code: 'ERR_OFF_PATH', device: 'lo' })
  expect(() => socket.addMembership('224.0.0.251', 'wan1')).toThrow(refused)
  expect(() => socket.dropMembership('224.0.0.251', 'wan1')).toThrow(refused)
})
