import cluster from 'node:cluster'
import { once } from 'node:events'
import { connect as connectPlain, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { listen } from '../../src/protocols/tcp/listen.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { boundDevice } from '../../src/sockets/open.js'
import { getOption } from '../../src/sockets/options.js'
import { openSockets } from './open-sockets.js'

const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

async function start(...args: Parameters<typeof listen>): Promise<Server & { port: number }> {
  const server = await listen(...args)
  open.push(server)
  return Object.assign(server, { port: (server.address() as { port: number }).port })
}

/** Connects to `host` and reads until the server closes the connection. */
async function read(host: string, port: number): Promise<string> {
  const socket = connectPlain(port, host)
  return (await socket.toArray()).join('')
}

test('on a device: the listener and each accepted socket are bound to it, IPv4 and IPv6 alike', async () => {
  const accepted: Socket[] = []
  const devices: string[] = []
  const server = await start({ port: 0, device: 'lo' }, socket => {
    accepted.push(socket)
    devices.push(boundDevice(descriptorOf(socket)))
    socket.end('hello')
  })
  expect(server.listening).toBe(true)
  expect(server.address()).toMatchObject({ address: '::', family: 'IPv6' })
  expect(boundDevice(descriptorOf(server))).toBe('lo')
  expect(await read('127.0.0.1', server.port)).toBe('hello')
  expect(await read('::1', server.port)).toBe('hello')
  expect(devices).toEqual(['lo', 'lo'])
})

test('on an address, on a name, and with localAddress', async () => {
  const one = await start({ port: 0, host: '127.0.0.7' }, socket => socket.end('seven'))
  expect(one.address()).toEqual({ address: '127.0.0.7', family: 'IPv4', port: one.port })
  expect(await read('127.0.0.7', one.port)).toBe('seven')
  await expect(read('127.0.0.1', one.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect((await start({ port: 0, host: 'localhost' })).address()).toMatchObject({ address: '127.0.0.1' })
  expect((await start({ port: 0, localAddress: '127.0.0.8' })).address()).toMatchObject({ address: '127.0.0.8' })
})

test('ipv6Only refuses IPv4', async () => {
  const server = await start({ port: 0, ipv6Only: true }, socket => socket.end('six'))
  expect(await read('::1', server.port)).toBe('six')
  await expect(read('127.0.0.1', server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('only reusePort lets several listen on one port', async () => {
  const { port } = await start({ port: 0, host: '127.0.0.1', reusePort: true })
  await start({ port, host: '127.0.0.1', reusePort: true })
  await expect(listen({ port, host: '127.0.0.1' })).rejects.toMatchObject({
    code: 'EADDRINUSE',
    port,
    address: '127.0.0.1',
  })
})

test('a port can be reused while earlier connections still linger', async () => {
  const first = await listen({ port: 0, host: '127.0.0.1' }, socket => socket.end('bye'))
  const { port } = first.address() as { port: number }
  await read('127.0.0.1', port)
  first.close()
  await once(first, 'close')
  expect((await start({ port, host: '127.0.0.1' })).port).toBe(port)
})

test('the backlog is passed to the kernel: a full queue accepts no more', async () => {
  const server = await start({ port: 0, host: '127.0.0.1', backlog: 1 })
  // For a listening socket, tcpi_sacked is the backlog (tcp_get_info).
  const { getOptionBytes } = await import('../../src/sockets/options.js')
  const info = getOptionBytes(descriptorOf(server), 'TCP_INFO', 32)
  expect(new DataView(info.buffer, info.byteOffset).getUint32(28, true)).toBe(1)
})

test('tos reaches the connections of both families', async () => {
  const tos: number[] = []
  const server = await start({ port: 0, tos: 0x20 }, socket => {
    const fd = descriptorOf(socket)
    tos.push(getOption(fd, 'IP_TOS'), getOption(fd, 'IPV6_TCLASS'))
    socket.end()
  })
  await read('127.0.0.1', server.port)
  await read('::1', server.port)
  expect([tos[0], tos[3]]).toEqual([0x20, 0x20])
})

test('two hundred clients at once', async () => {
  const before = await openSockets()
  const server = await start({ port: 0, device: 'lo' }, socket => void socket.pipe(socket))
  const echo = async (text: string) => {
    const socket = connectPlain(server.port, '127.0.0.1')
    socket.end(text)
    return (await socket.toArray()).join('')
  }
  const sent = Array.from({ length: 200 }, (_, i) => `client ${i}`)
  expect(await Promise.all(sent.map(echo))).toEqual(sent)
  server.close()
  expect(await openSockets()).toBe(before)
})

describe('refusals', () => {
  test('leave nothing open', async () => {
    const before = await openSockets()
    const { port, close } = await start({ port: 0 })
    await expect(listen({ port })).rejects.toMatchObject({ name: 'NetviaError', code: 'EADDRINUSE', port })
    await expect(listen({ port: 0, device: 'nosuch0' })).rejects.toMatchObject({ code: 'ENODEV', device: 'nosuch0' })
    await expect(listen({ port: 0, host: '192.0.2.77' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      address: '192.0.2.77',
    })
    await expect(listen({ port: 0, signal: AbortSignal.abort('why') })).rejects.toBe('why')
    close.call(open.pop())
    expect(await openSockets()).toBe(before)
  })
  test('name invalid options', async () => {
    const refused = (options: object) =>
      expect(listen(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await refused({})
    await refused({ port: 70_000 })
    await refused({ port: 0, reuseport: true })
    await refused({ port: 0, host: '127.0.0.1', localAddress: '127.0.0.2' })
    await refused({ port: 0, host: '127.0.0.1', ipv6Only: true })
    await refused({ port: 0, backlog: 0 })
  })
})

test('it is refused in a node:cluster worker, because the primary process would use another descriptor', async () => {
  vi.spyOn(cluster, 'isWorker', 'get').mockReturnValue(true)
  await expect(listen({ port: 0 })).rejects.toMatchObject({ code: 'ERR_CLUSTER_WORKER' })
  vi.restoreAllMocks()
})

test('after closing with open connections, it does not touch its old descriptor', async () => {
  const server = await listen({ port: 0, device: 'lo' }, socket => void socket.resume())
  const { port } = server.address() as { port: number }
  const client = connectPlain(port, '127.0.0.1')
  await once(server, 'connection')
  const errors: unknown[] = []
  server.on('error', error => errors.push(error))
  server.close()
  await new Promise(done => setTimeout(done, 500))
  expect(errors).toEqual([])
  client.destroy()
  await once(server, 'close')
})

test('aborting closes it', async () => {
  const before = await openSockets()
  const controller = new AbortController()
  const server = await listen({ port: 0, device: 'lo', signal: controller.signal })
  controller.abort()
  await once(server, 'close')
  expect(server.listening).toBe(false)
  expect(await openSockets()).toBe(before)
})
