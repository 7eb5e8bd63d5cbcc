import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { constants } from 'node:os'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { connect } from '../../src/protocols/tcp/connect.js'
import { encodeAddress } from '../../src/sockets/address.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { boundDevice, openDescriptor } from '../../src/sockets/open.js'
import { getOption, optionNumbers } from '../../src/sockets/options.js'
import { a, aaaa, fakeServer } from './dns-fake-server.js'
import { closedPort } from './http-servers.js'
import { openSockets } from './open-sockets.js'
import { expectPromptAbort } from './prompt-abort.js'
import { uncaught } from './uncaught.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function listenAt(host: string): Promise<number> {
  const server: Server = createServer(socket => void socket.on('error', () => {}).pipe(socket))
  server.listen(0, host)
  await once(server, 'listening')
  closers.push(() => server.close())
  return (server.address() as { port: number }).port
}

async function names(...handler: Parameters<typeof fakeServer>): Promise<string[]> {
  const dns = await fakeServer(...handler)
  closers.push(dns.close)
  return [dns.server]
}

/** A listener with a full accept queue, so further connections get no answer. */
async function blackHole(): Promise<number> {
  const native = addon()
  const fd = openDescriptor(4, 'stream', 0, { localAddress: '127.0.0.1' })
  native.listen(fd, 0)
  const address = new Uint8Array(16)
  native.getsockname(fd, address)
  const port = (address[2]! << 8) | address[3]!
  const fillers = Array.from({ length: 3 }, () => openDescriptor(4, 'stream', 0, {}))
  for (const filler of fillers) native.connect(filler, encodeAddress('127.0.0.1', port))
  closers.push(() => {
    for (const open of [fd, ...fillers]) native.close(open)
  })
  await new Promise(done => setTimeout(done, 20))
  return port
}

async function expectEcho(socket: Awaited<ReturnType<typeof connect>>): Promise<void> {
  socket.write('hello')
  const [data] = await once(socket, 'data')
  expect(String(data)).toBe('hello')
  socket.destroy()
}

test('to an address over a device: the socket is connected, knows both addresses, and has the bound descriptor', async () => {
  const port = await listenAt('127.0.0.1')
  const socket = await connect({
    host: '127.0.0.1',
    port,
    device: 'lo',
    noDelay: true,
    keepAlive: 30_000,
    tos: 0x10,
    localAddress: '127.0.0.5',
  })
  expect(socket).toMatchObject({
    connecting: false,
    readyState: 'open',
    remoteAddress: '127.0.0.1',
    remotePort: port,
    remoteFamily: 'IPv4',
    localAddress: '127.0.0.5',
  })
  expect(socket.localPort).toBeGreaterThan(0)
  const fd = descriptorOf(socket)
  expect(boundDevice(fd)).toBe('lo')
  expect(getOption(fd, 'TCP_NODELAY')).toBe(1)
  expect(getOption(fd, 'SO_KEEPALIVE')).toBe(1)
  expect(getOption(fd, 'IP_TOS')).toBe(0x10)
  await expectEcho(socket)
})

test('without options, no socket option is set', async () => {
  const socket = await connect({ host: '127.0.0.1', port: await listenAt('127.0.0.1') })
  const fd = descriptorOf(socket)
  expect([boundDevice(fd), getOption(fd, 'TCP_NODELAY'), getOption(fd, 'SO_KEEPALIVE')]).toEqual(['', 0, 0])
  await expectEcho(socket)
})

test('IPv6, and an IPv4 address in IPv6 form', async () => {
  const socket = await connect({ host: '::1', port: await listenAt('::1'), device: 'lo' })
  expect(socket).toMatchObject({ remoteAddress: '::1', remoteFamily: 'IPv6' })
  await expectEcho(socket)
  const mapped = await connect({ host: '::ffff:127.0.0.1', port: await listenAt('127.0.0.1'), device: 'lo' })
  expect(mapped.remoteAddress).toBe('127.0.0.1')
  await expectEcho(mapped)
})

test('to a name: IPv6 first, IPv4 if that fails', async () => {
  const servers = await names(({ question: { name, type } }) => ({
    answers: type === 'A' ? [a(name, '127.0.0.1')] : [aaaa(name, '::1')],
  }))
  const four = await connect({ host: 'x.example', port: await listenAt('127.0.0.1'), device: 'lo', servers })
  expect(four.remoteAddress).toBe('127.0.0.1')
  await expectEcho(four)
  const six = await connect({ host: 'x.example', port: await listenAt('::'), device: 'lo', servers })
  expect(six.remoteAddress).toBe('::1')
  await expectEcho(six)
})

test('a lost question is repeated within the time limit', async () => {
  let asked = 0
  const servers = await names(({ question: { name } }) =>
    ++asked === 1 ? undefined : { answers: [a(name, '127.0.0.1')] },
  )
  const port = await listenAt('127.0.0.1')
  const socket = await connect({ host: 'x.example', family: 4, port, servers, timeout: 1200 })
  expect(asked).toBe(2)
  socket.destroy()
})

test('the next address is tried after the attempt delay if one does not answer', async () => {
  const port = await blackHole()
  const server = createServer(socket => void socket.on('error', () => {}))
  server.listen(port, '127.0.0.2')
  await once(server, 'listening')
  closers.push(() => server.close())
  const servers = await names(({ question: { name } }) => ({ answers: [a(name, '127.0.0.1'), a(name, '127.0.0.2')] }))
  const before = await openSockets()
  const start = performance.now()
  const socket = await connect({ host: 'x.example', family: 4, port, servers, attemptDelay: 100 })
  expect(performance.now() - start).toBeGreaterThan(95)
  expect(socket.remoteAddress).toBe('127.0.0.2')
  socket.destroy()
  expect(await openSockets()).toBe(before)
})

describe('failures', () => {
  test('refused: the error has address, port and device', async () => {
    const port = await listenAt('127.0.0.1')
    closers.splice(0)[0]!()
    await expect(connect({ host: '127.0.0.1', port, device: 'lo' })).rejects.toMatchObject({
      name: 'NetviaError',
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '127.0.0.1',
      port,
      device: 'lo',
    })
  })
  test('every address of a name refused: the cause has all of them', async () => {
    const servers = await names(({ question: { name, type } }) => ({
      answers: type === 'A' ? [a(name, '127.0.0.1'), a(name, '127.0.0.2')] : [aaaa(name, '::1')],
    }))
    const error = await connect({ host: 'x.example', port: 1, servers }).catch(error => error)
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(error.cause.errors).toHaveLength(3)
  })
  test('no such name', async () => {
    const servers = await names(() => ({ rcode: 3 }))
    await expect(connect({ host: 'x.example', port: 1, servers })).rejects.toMatchObject({
      code: 'ENOTFOUND',
      hostname: 'x.example',
    })
  })
  test('no such device', async () => {
    const port = await listenAt('127.0.0.1')
    const before = await openSockets()
    await expect(connect({ host: '127.0.0.1', port, device: 'nosuch0' })).rejects.toMatchObject({
      code: 'ENODEV',
      device: 'nosuch0',
    })
    await expect(connect({ host: 'fe80::1%nosuch0', port })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(await openSockets()).toBe(before)
  })
  test('a localAddress of the other family', async () => {
    await expect(connect({ host: '127.0.0.1', port: 1, localAddress: '::1' })).rejects.toMatchObject({
      code: 'ERR_ADDRESS_FAMILY',
    })
  })
  test('invalid options are refused by name', async () => {
    const refused = (options: object) =>
      expect(connect(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await refused({ host: 'x', port: 1, timeOut: 5 })
    await refused({ host: 'x' })
    await refused({ port: 1 })
    await refused({ host: 'x', port: 0 })
    await refused({ host: 'x', port: 1, family: 5 })
    await refused({ host: 'x', port: 1, keepAlive: 'yes' })
    await refused({ host: 'x', port: 1, servers: ['x'] })
  })
})

describe('the time limit', () => {
  test('covers the connection', async () => {
    const port = await blackHole()
    const before = await openSockets()
    const start = performance.now()
    await expect(connect({ host: '127.0.0.1', port, timeout: 150, device: 'lo' })).rejects.toMatchObject({
      name: 'NetviaError',
      code: 'ETIMEDOUT',
      syscall: 'connect',
      address: '127.0.0.1',
      port,
      device: 'lo',
      hint: expect.stringContaining('connection took longer than 150 ms'),
    })
    expect(performance.now() - start).toBeGreaterThan(145)
    expect(await openSockets()).toBe(before)
  })
  test('covers name resolution', async () => {
    const servers = await names(() => undefined)
    const before = await openSockets()
    const start = performance.now()
    await expect(connect({ host: 'x.example', port: 1, timeout: 300, servers })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'resolve',
      hostname: 'x.example',
      message: expect.stringContaining(`no answer from ${servers[0]}`),
      hint: expect.stringContaining('name resolution'),
    })
    expect(performance.now() - start).toBeGreaterThan(295)
    expect(await openSockets()).toBe(before)
  })
  test('blames the name server if all addresses so far have refused, and others are still awaited', async () => {
    const servers = await names(({ question: { name, type } }) =>
      type === 'A' ? { answers: [a(name, '127.0.0.1')] } : undefined,
    )
    await expect(connect({ host: 'x.example', port: closedPort, timeout: 1500, servers })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'resolve',
      message: expect.stringContaining(`no answer from ${servers[0]}`),
      hint: expect.stringContaining('name resolution'),
    })
  })
  test('blames the address if one is still silent although another has refused', async () => {
    const port = await blackHole()
    const servers = await names(({ question: { name, type } }) => ({
      answers: type === 'A' ? [a(name, '127.0.0.2'), a(name, '127.0.0.1')] : [],
    }))
    await expect(connect({ host: 'x.example', port, timeout: 1500, servers })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'connect',
      address: '127.0.0.1',
    })
  })
})

describe('aborting rejects immediately with the reason and leaves nothing open', () => {
  const expectAbort = (options: Parameters<typeof connect>[0]) =>
    expectPromptAbort(signal => connect({ ...options, signal }))
  test('before it starts', async () => {
    const before = await openSockets()
    await expect(connect({ host: '127.0.0.1', port: 1, signal: AbortSignal.abort('why') })).rejects.toBe('why')
    expect(await openSockets()).toBe(before)
  })
  test('during name resolution', async () =>
    expectAbort({ host: 'x.example', port: 1, servers: await names(() => undefined) }))
  test('during connection', async () => expectAbort({ host: '127.0.0.1', port: await blackHole(), device: 'lo' }))
  test('in the turn of the call, in which a near host has answered', async () => {
    const [port, before] = [await listenAt('127.0.0.1'), await openSockets()]
    const controller = new AbortController()
    const pending = connect({ host: '127.0.0.1', port, signal: controller.signal })
    controller.abort('enough')
    await expect(pending).rejects.toBe('enough')
    await vi.waitFor(async () => expect(await openSockets()).toBe(before), 60_000)
  })
  test('after the connection: the socket stays open', async () => {
    const controller = new AbortController()
    const socket = await connect({ host: '127.0.0.1', port: await listenAt('127.0.0.1'), signal: controller.signal })
    controller.abort()
    await expectEcho(socket)
  })
})

test('leaves no timer', async () => {
  const [port, silent] = [await listenAt('127.0.0.1'), await blackHole()]
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const intervals = vi.spyOn(globalThis, 'setInterval')
  const left = () =>
    [...timers.mock.results, ...intervals.mock.results]
      .filter(({ value }) => !value._destroyed)
      .map(({ value }) => value)
  try {
    // A name, so that its addresses race.
    const path = { host: 'localhost', family: 4, device: 'lo' } as const
    const socket = await connect({ ...path, port, timeout: 60_000 })
    socket.destroy()
    expect(left()).toEqual([])
    await expect(connect({ ...path, port: silent, timeout: 50 })).rejects.toThrow('ETIMEDOUT')
    // Each call needs a timer for the whole and one for the next attempt, and one watches the device. A busy machine may extend one.
    expect(timers.mock.calls.length).toBeLessThanOrEqual(6)
    expect(intervals.mock.calls.length).toBe(0)
    expect(left()).toEqual([])
  } finally {
    vi.restoreAllMocks()
  }
})

test('aborted at any of three hundred moments: either connected or the reason, and nothing stays open', async () => {
  const port = await listenAt('127.0.0.1')
  const servers = await names(({ question: { name, type } }) => ({
    truncated: name.startsWith('t') && type === 'AAAA',
    answers: type === 'A' ? [a(name, '127.0.0.3'), a(name, '127.0.0.1')] : [aaaa(name, '::1')],
  }))
  const before = await openSockets()
  const outcomes = new Set()
  const attempt = async (i: number) => {
    const controller = new AbortController()
    const pending = connect({ host: `${'ut'[i % 2]}.example`, port, device: 'lo', servers, signal: controller.signal })
    setTimeout(() => controller.abort('enough'), Math.random() * 60)
    await pending.then(
      socket => {
        socket.destroy()
        outcomes.add('connected')
      },
      reason => outcomes.add(reason),
    )
  }
  for (let wave = 0; wave < 30; wave++) await Promise.all(Array.from({ length: 10 }, (_, i) => attempt(i)))
  expect([...outcomes].sort()).toEqual(['connected', 'enough'])
  expect(await openSockets()).toBe(before)
})

test('two hundred concurrent connections leave nothing open', async () => {
  const port = await listenAt('127.0.0.1')
  const before = await openSockets()
  const sockets = await Promise.all(
    Array.from({ length: 200 }, () => connect({ host: '127.0.0.1', port, device: 'lo' })),
  )
  await Promise.all(sockets.map(expectEcho))
  expect(await openSockets()).toBe(before)
})

test('a connection whose device was lost during the call is closed instead of returned', async () => {
  const port = await listenAt('127.0.0.1')
  const before = await openSockets()
  const { getOption: read } = addon()
  const [level, option] = optionNumbers('SO_BINDTODEVICE')
  vi.spyOn(addon(), 'getOption').mockImplementation((...words) =>
    words[1] === level && words[2] === option ? -constants.errno.ENODEV : read(...words),
  )
  closers.push(() => vi.restoreAllMocks())
  await expect(connect({ host: '127.0.0.1', port, device: 'lo' })).rejects.toMatchObject({
    code: 'ENODEV',
    device: 'lo',
  })
  expect(await openSockets()).toBe(before)
})

test('a connection that is reset without an error listener does not end the process', async () => {
  const thrown = uncaught()
  const server = createServer(socket => socket.resetAndDestroy()).listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  const socket = await connect({ host: '127.0.0.1', port: (server.address() as { port: number }).port })
  await new Promise(resolve => socket.on('close', resolve))
  expect(socket.errored).toMatchObject({ code: 'ECONNRESET' })
  expect(thrown).toEqual([])
})
