import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { type ConnectOptions, connect, type ListenOptions, listen } from '../../src/index.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { getOption } from '../../src/sockets/options.js'

/** TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT from linux/tcp.h. */
const tcp = { idle: 4, interval: 5, count: 6 }

function optionsOf(socket: Socket) {
  const fd = descriptorOf(socket)
  const read = (option: number) => {
    const value = new Int32Array(1)
    expect(addon().getOption(fd, 6, option, new Uint8Array(value.buffer))).toBe(4)
    return value[0]!
  }
  return {
    ...{ isOn: getOption(fd, 'SO_KEEPALIVE') !== 0, userTimeout: getOption(fd, 'TCP_USER_TIMEOUT') },
    ...{ idle: read(tcp.idle), interval: read(tcp.interval), count: read(tcp.count) },
  }
}

/** Both ends of a connection over loopback. */
async function connected(client: Partial<ConnectOptions>, served: Partial<ListenOptions> = {}) {
  const server = await listen({ ...served, host: '127.0.0.1', port: 0 })
  const accepted = once(server, 'connection')
  const near = await connect({ ...client, host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  const [far] = (await accepted) as [Socket]
  onTestFinished(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return { near: optionsOf(near), far: optionsOf(far) }
}

const keepAlive = { idle: 30_000, interval: 5001, count: 3 }
const set = { isOn: true, idle: 30, interval: 6, count: 3, userTimeout: 4000 }

test("connect sets keep-alive's idle time, interval and count, and the user timeout", async () => {
  const { near, far } = await connected({ keepAlive, userTimeout: 4000 })
  expect(near).toEqual(set)
  expect(far).toMatchObject({ isOn: false, userTimeout: 0 })
})

test("accepted connections inherit listen's settings", async () => {
  const { near, far } = await connected({}, { keepAlive, userTimeout: 4000 })
  expect(far).toEqual(set)
  expect(near).toMatchObject({ isOn: false, userTimeout: 0 })
})

test('the user timeout ends a socket whose other end stops reading before the last byte', async () => {
  const server = await listen({ host: '127.0.0.1', port: 0 }, socket => socket.pause().on('error', () => {}))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const socket = await connect({ host: '127.0.0.1', port, userTimeout: 300 })
  socket.end(Buffer.alloc(2 ** 23))
  const [error] = await once(socket, 'error')
  expect(error).toMatchObject({ code: 'ETIMEDOUT' })
})

test('true and a number are shorter forms', async () => {
  expect((await connected({}, { keepAlive: true })).far).toMatchObject({ isOn: true })
  expect((await connected({}, { keepAlive: 20_000 })).far).toMatchObject({ isOn: true, idle: 20 })
  expect((await connected({ keepAlive: {} })).near).toMatchObject({ isOn: true })
})

test.each([
  [{ keepAlive: { idle: 999 } }, /keepAlive\.?:? ?idle/],
  [{ keepAlive: { count: 128 } }, /count/],
  [{ keepAlive: { pause: 1 } }, /unknown option "pause"/],
  [{ userTimeout: 0.5 }, /userTimeout/],
  [{ keepAlive: null }, /keepAlive/],
])('%j is refused', async (options, message) => {
  const host = '127.0.0.1'
  const given = options as object
  await expect(connect({ ...given, host, port: 9 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  await expect(listen({ ...given, host, port: 0 })).rejects.toThrow(message)
})
