import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { openIcmp, openUdp, openUdpPackets, type UdpMessageInfo } from '../../src/index.js'
import { uncaught } from './uncaught.js'

const host = '127.0.0.1'
const data = Buffer.from('x')

async function opened(options: object = {}) {
  const socket = await openUdpPackets({ host, ...options })
  onTestFinished(() => socket.close())
  return socket
}

test('a throwing listener does not affect other messages', async () => {
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

test('an answer from an address of the other family is refused, not sent from another', async () => {
  const socket = await opened()
  const info = { address: host, port: 9, localAddress: '::1', device: 'lo' } as UdpMessageInfo
  await expect(socket.reply(info, data)).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY', address: '::1' })
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

test.each(odd)('an invalid message, group or device is refused by name (%#)', async value => {
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

test.each(odd.filter(value => value !== ''))(
  'an invalid interface of a Node socket is refused too (%#)',
  async value => {
    const socket = await openUdp({ host, device: 'lo' })
    onTestFinished(() => void socket.close())
    const refused = expect.objectContaining({
      name: 'NetviaError',
      code: typeof value === 'string' ? 'ERR_OFF_PATH' : 'ERR_INVALID_ARG_VALUE',
    })
    expect(() => socket.addMembership('224.0.0.251', value as string)).toThrow(refused)
    expect(() => socket.dropMembership('224.0.0.251', value as string)).toThrow(refused)
    expect(() => socket.setMulticastInterface(value as string)).toThrow(refused)
  },
)

test("a group on another device than the socket's is off its path", async () => {
  const socket = await opened({ device: 'lo' })
  const refused = expect.objectContaining({ name: 'NetviaError', code: 'ERR_OFF_PATH', device: 'lo' })
  expect(() => socket.addMembership('224.0.0.251', 'wan1')).toThrow(refused)
  expect(() => socket.dropMembership('224.0.0.251', 'wan1')).toThrow(refused)
})

test('the events of a socket have the asynchronous context of the call that opened it', async () => {
  const context = new AsyncLocalStorage<number>()
  const seen: [number, number | undefined][] = []
  const use = async (number: number) => {
    const socket = await opened()
    const ping = openIcmp({ family: 4 })
    const events = [
      new Promise<void>(resolve => socket.on('close', () => resolve(void seen.push([number, context.getStore()])))),
      new Promise<void>(resolve => ping.on('close', () => resolve(void seen.push([number, context.getStore()])))),
    ]
    const close = (closing: { close(): void }) => {
      seen.push([number, context.getStore()])
      context.run(9, () => closing.close())
    }
    socket.on('message', () => close(socket))
    ping.once('message', () => close(ping))
    const message = { family: 4, kind: 'echo-request', identifier: 1, sequence: number, payload: data } as const
    await Promise.all([socket.send(data, socket.address().port, host), ping.send(message, host), ...events])
  }
  await Promise.all([1, 2].map(number => context.run(number, use, number)))
  expect(seen).toHaveLength(8)
  expect(seen.every(([number, store]) => number === store)).toBe(true)
})
