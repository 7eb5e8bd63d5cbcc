import cluster from 'node:cluster'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { openUdp } from '../../src/protocols/udp/open-udp.js'
import { openSockets } from './open-sockets.js'

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

async function start(...args: Parameters<typeof openUdp>): Promise<Socket> {
  const socket = await openUdp(...args)
  open.push(socket)
  return socket
}

test('it is bound and has a port before the first packet', async () => {
  expect((await start()).address()).toMatchObject({ address: '0.0.0.0', family: 'IPv4', port: expect.any(Number) })
  expect((await start({ device: 'lo' })).address().port).toBeGreaterThan(0)
  expect((await start({ family: 6 })).address()).toMatchObject({ address: '::', family: 'IPv6' })
  expect((await start({ host: '::1' })).address()).toMatchObject({ address: '::1' })
  expect((await start({ localAddress: '127.0.0.9' })).address()).toMatchObject({ address: '127.0.0.9' })
  expect((await start({ host: 'localhost', family: 4 })).address()).toMatchObject({ address: '127.0.0.1' })
})

test('no other socket shares its port, unless both ask for that', async () => {
  const alone = (await start({ host: '127.0.0.1' })).address()
  await expect(start({ host: '127.0.0.1', port: alone.port, reuseAddress: true })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
  const shared = (await start({ host: '127.0.0.1', reuseAddress: true })).address()
  expect((await start({ host: '127.0.0.1', port: shared.port, reuseAddress: true })).address()).toEqual(shared)
  await expect(start({ host: '127.0.0.1', port: shared.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test.each([
  ['127.0.0.1', 4],
  ['::1', 6],
] as const)('sends and receives over %s, including empty and maximum datagrams', async (host, family) => {
  const server = await start({ host, device: 'lo' })
  server.on('message', (message, from) => server.send(message, from.port, from.address))
  const client = await start({ device: 'lo', family })
  for (const size of [0, 5, 65_507]) {
    client.send(Buffer.alloc(size, 7), server.address().port, host)
    const [message, from] = await once(client, 'message')
    expect(message.length).toBe(size)
    expect(from).toMatchObject({ address: host, port: server.address().port })
  }
})

test('ten thousand datagrams', async () => {
  const server = await start({ host: '127.0.0.1', device: 'lo' })
  server.on('message', (message, from) => server.send(`ACK: ${message}`, from.port, from.address))
  const client = await start({ device: 'lo' })
  let received = 0
  const done = new Promise<void>(resolve =>
    client.on('message', () => {
      received++
      if (received === 10_000) resolve()
      else if (received % 50 === 0) burst()
    }),
  )
  const burst = () => {
    for (let i = 0; i < 50; i++) client.send(`message ${i}`, server.address().port, '127.0.0.1')
  }
  burst()
  await done
  expect(received).toBe(10_000)
})

test('IPv6 leaves the port free for IPv4', async () => {
  const { port } = (await start({ family: 6 })).address()
  expect((await start({ port })).address().port).toBe(port)
})

test('reuseAddress and broadcast', async () => {
  const { port } = (await start({ reuseAddress: true })).address()
  expect((await start({ port, reuseAddress: true })).address().port).toBe(port)
  const send = async (socket: Socket) =>
    new Promise(resolve =>
      socket.send('x', 9, '127.255.255.255', error => resolve((error as NodeJS.ErrnoException)?.code)),
    )
  expect(await send(await start({ device: 'lo' }))).toBe('EACCES')
  expect(await send(await start({ device: 'lo', broadcast: true }))).toBeUndefined()
})

test('refusals leave nothing open', async () => {
  const socket = await start({ host: '127.0.0.1' })
  const before = await openSockets()
  const { port } = socket.address()
  await expect(openUdp({ port, host: '127.0.0.1' })).rejects.toMatchObject({
    name: 'NetviaError',
    code: 'EADDRINUSE',
    port,
  })
  await expect(openUdp({ device: 'nosuch0' })).rejects.toMatchObject({ code: 'ENODEV', device: 'nosuch0' })
  await expect(openUdp({ localAddress: '127.0.0.1', family: 6 })).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
  await expect(openUdp({ signal: AbortSignal.abort('why') })).rejects.toBe('why')
  await expect(openUdp({ ports: 5 } as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  await expect(openUdp({ port: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  expect(await openSockets()).toBe(before)
})

test('aborting closes it, also if the user has already closed it', async () => {
  const before = await openSockets()
  const controller = new AbortController()
  const one = await openUdp({ device: 'lo', signal: controller.signal })
  const other = await openUdp({ device: 'lo', signal: controller.signal })
  const closed = once(one, 'close')
  other.close()
  controller.abort()
  await closed
  expect(await openSockets()).toBe(before)
})

test('a second bind is refused, and the socket stays as it was', async () => {
  const socket = await start({ device: 'lo' })
  const { port } = socket.address()
  expect(() => socket.bind(0)).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_ALREADY_BOUND' }))
  expect(socket.address().port).toBe(port)
})

test('a node:cluster worker has its own socket', async () => {
  vi.spyOn(cluster, 'isWorker', 'get').mockReturnValue(true)
  onTestFinished(() => void vi.restoreAllMocks())
  const socket = await start({ device: 'lo', host: '127.0.0.1' })
  socket.send('to myself', socket.address().port, '127.0.0.1')
  expect(String((await once(socket, 'message'))[0])).toBe('to myself')
})

test('a disconnected socket receives nothing, because the kernel also unbinds it from its device', async () => {
  const socket = await start({ host: '127.0.0.1', device: 'lo' })
  await new Promise<void>(resolve => void socket.connect(9, '127.0.0.1', resolve))
  const filters = vi.spyOn(addon(), 'attachFilter')
  const bindings: number[] = []
  const { setOption } = addon()
  vi.spyOn(addon(), 'setOption').mockImplementationOnce((...words) => {
    bindings.push(filters.mock.calls.length)
    return setOption(...words)
  })
  socket.disconnect()
  // The number of bytes of each packet that the filters keep.
  expect(filters.mock.calls.map(([, program]) => new Uint32Array(program.buffer)[1])).toEqual([0, 0xffff_ffff])
  expect(bindings).toEqual([1])
  vi.restoreAllMocks()
})
