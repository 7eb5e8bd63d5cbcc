import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import {
  listenProxy,
  type Proxy as NetviaProxy,
  type ProxyOptions,
  UplinkGroup,
  UplinkMonitor,
} from '../../src/index.js'
import { atOnce } from './at-once.js'
import { a, fakeServer } from './dns-fake-server.js'

/** An echo server, which also echoes the end. */
let echo: Server
let web: ReturnType<typeof createHttpServer>
/** The requests that the web server received. */
let seen: { request: IncomingMessage; body: string }[] = []
const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port

beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket))
  web = createHttpServer(async (request, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('')
    seen.push({ request, body })
    if (request.url === '/slow') await sleep(100)
    response.writeHead(200, { Connection: 'close, X-Own', 'X-Own': '1', 'X-Kept': '2' }).end(`answer to ${request.url}`)
  })
  for (const server of [echo, web]) await once(server.listen(0, '127.0.0.1'), 'listening')
})

afterAll(() => {
  echo.close()
  web.closeAllConnections()
  web.close()
})

beforeEach(() => {
  seen = []
})

async function start(options: ProxyOptions = {}): Promise<NetviaProxy> {
  const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'], ...options })
  onTestFinished(() => proxy.close())
  return proxy
}

async function clientOf(proxy: NetviaProxy): Promise<Socket> {
  const socket = connect({ port: proxy.address().port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  // A refused client may be reset before its connection is reported.
  await once(socket, 'connect').catch(() => {})
  return socket
}

describe('configure', () => {
  const get = async (proxy: NetviaProxy, password: string) => {
    const client = await clientOf(proxy)
    const field = `Proxy-Authorization: Basic ${Buffer.from(`ann:${password}`).toString('base64')}`
    client.end(`GET http://127.0.0.1:${portOf(web)}/ HTTP/1.0\r\nHost: x\r\n${field}\r\n\r\n`)
    return (await all(client)).slice(9, 12)
  }

  test('changes users, clients and targets, and keeps omitted ones', async () => {
    const proxy = await start({ users: { ann: 'first' } })
    expect(await get(proxy, 'first')).toBe('200')
    proxy.configure({ users: { ann: 'second' } })
    expect([await get(proxy, 'first'), await get(proxy, 'second')]).toEqual(['407', '200'])
    proxy.configure({ allowTargets: [] })
    expect([await get(proxy, 'first'), await get(proxy, 'second')]).toEqual(['407', '403'])
    proxy.configure({ allow: ['192.0.2.0/24'] })
    expect(await get(proxy, 'second')).toBe('')
    proxy.configure({ allow: ['127.0.0.1'], allowTargets: ['127.0.0.1'] })
    expect([await get(proxy, ''), await get(proxy, 'second')]).toEqual(['407', '200'])
  })

  test('refuses other options without changing anything', async () => {
    const proxy = await start({ users: { ann: 'first' } })
    expect(() => proxy.configure({ allow: ['x'] })).toThrow(/allow/)
    expect(() => proxy.configure({ port: 1 } as object)).toThrow(/port/)
    expect(await get(proxy, 'first')).toBe('200')
  })
})

/** Reads exactly `length` bytes. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0)
  while (bytes.length < length) {
    const chunk: Buffer | null = socket.read()
    if (chunk) bytes = Buffer.concat([bytes, chunk])
    else if (socket.readableEnded) throw new Error(`the end came after ${bytes.length} bytes`)
    else await once(socket, 'readable')
  }
  if (bytes.length > length) socket.unshift(bytes.subarray(length))
  return bytes.subarray(0, length)
}

const all = async (socket: Socket) => {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  if (!socket.closed && !socket.readableEnded)
    await Promise.race([once(socket, 'end'), once(socket, 'close')]).catch(() => {})
  return Buffer.concat(chunks).toString()
}

const greeting = Buffer.of(5, 1, 0)
const request = (port: number, command = 1, address = [127, 0, 0, 1]) =>
  Buffer.of(5, command, 0, 1, ...address, port >> 8, port & 255)

async function tunnel(proxy: NetviaProxy, port = portOf(echo), address?: number[]): Promise<Socket> {
  const socket = await clientOf(proxy)
  socket.write(Buffer.concat([greeting, request(port, 1, address)]))
  expect(await read(socket, 2)).toEqual(Buffer.of(5, 0))
  expect((await read(socket, 10))[1]).toBe(0)
  return socket
}

describe('SOCKS5', () => {
  test('a handshake may arrive byte by byte, and early data is passed on', async () => {
    const socket = await clientOf(await start())
    const name = Buffer.concat([Buffer.of(5, 1, 0, 3, 9), Buffer.from('localhost'), request(portOf(echo)).subarray(8)])
    for (const byte of Buffer.concat([greeting, name])) {
      socket.write(Buffer.of(byte))
      await sleep(1)
    }
    socket.write('early')
    expect((await read(socket, 12))[3]).toBe(0)
    expect(String(await read(socket, 5))).toBe('early')
  })

  test('passes on each end separately, with bounded buffers', async () => {
    const proxy = await start()
    const socket = await tunnel(proxy)
    const sent = Buffer.alloc(1 << 16, 'x')
    const taken = () => Promise.race([once(socket, 'drain').then(() => true), sleep(500, false)])
    // Nobody reads, so the proxy must stop reading once the buffers of kernel and streams are full.
    while (socket.write(sent) || (await taken())) expect(socket.bytesWritten).toBeLessThan(2 ** 26)
    const { bytesWritten } = socket
    socket.end('end')
    let length = 0
    for await (const chunk of socket) length += chunk.length
    // Minus the 13 bytes of the handshake.
    expect(length).toBe(bytesWritten - 13 + 3)
    await expect.poll(() => proxy.statistics.clients).toBe(0)
    expect(proxy.statistics.uplinks).toEqual({
      default: { connections: 1, open: 0, failures: 0, bytesSent: length, bytesReceived: length },
    })
  })

  test('a reset of the target resets the client, and vice versa', async () => {
    let target: Socket | undefined
    const server = createServer(socket => {
      target = socket.on('error', () => {})
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const proxy = await start()
    const first = await tunnel(proxy, portOf(server))
    await expect.poll(() => target).toBeDefined()
    const reset = once(first, 'error')
    target!.resetAndDestroy()
    expect(await reset).toMatchObject([{ code: 'ECONNRESET' }])
    target = undefined
    const second = await tunnel(proxy, portOf(server))
    await expect.poll(() => target).toBeDefined()
    const broken = once(target!, 'error')
    second.resetAndDestroy()
    expect(await broken).toMatchObject([{ code: 'ECONNRESET' }])
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
  })

  test.each([
    ['a port without a listener', request(1), 5],
    ['a target on this machine', request(80, 1, [0, 0, 0, 0]), 2],
    ['no port', request(0), 1],
    ['BIND', request(80, 2), 7],
    ['an unknown type of address', Buffer.of(5, 1, 0, 9, 0, 0, 0, 0, 0, 0), 8],
    ['an invalid name', Buffer.of(5, 1, 0, 3, 1, 47, 0, 80), 1],
  ])('%s is refused with its own reply', async (_what, bytes, code) => {
    const socket = await clientOf(await start())
    socket.write(Buffer.concat([greeting, bytes]))
    expect(await read(socket, 12)).toEqual(Buffer.of(5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0))
    expect(await all(socket)).toBe('')
  })

  test.each([
    ['a target', {}, Buffer.concat([greeting, request(1)]), 12],
    ['a password', { users: { ann: 'secret' } }, Buffer.of(5, 1, 2, 1, 1, 97, 1, 97), 4],
    ['a client without one', { users: { ann: 'secret' } }, greeting, 2],
  ])('a refusal of %s reaches a client that has sent more ahead', async (_what, options, bytes, length) => {
    const client = await clientOf(await start(options))
    client.write(Buffer.concat([bytes, Buffer.from('early')]))
    expect(await read(client, length)).toHaveLength(length)
    client.end(Buffer.alloc(1e6))
    expect(await all(client)).toBe('')
    if (!client.closed) await once(client, 'close')
    expect(client.errored).toBeNull()
  })

  test('user and password are required and checked', async () => {
    const proxy = await start({ users: { ann: 'secret' } })
    const password = (text: string) =>
      Buffer.concat([Buffer.of(1, 3), Buffer.from('ann'), Buffer.of(6), Buffer.from(text)])
    const good = await clientOf(proxy)
    good.write(Buffer.concat([Buffer.of(5, 2, 0, 2), password('secret'), request(portOf(echo)), Buffer.from('hi')]))
    expect((await read(good, 16)).toString('hex')).toMatch(/^05020100050000/)
    const bad = await clientOf(proxy)
    bad.write(Buffer.concat([Buffer.of(5, 1, 2), password('Secret'), request(portOf(echo))]))
    expect(await all(bad)).toBe('\x05\x02\x01\x01')
    const none = await clientOf(proxy)
    none.write(Buffer.concat([greeting, request(portOf(echo))]))
    expect(Buffer.from(await all(none), 'latin1').length).toBeGreaterThan(0)
    expect(proxy.statistics).toMatchObject({ refused: 2, uplinks: { default: { connections: 1 } } })
  })
})

test('with a sticky group, a client reaches a host over one uplink, and hosts are distributed', async () => {
  const everywhere = createServer(socket => void socket.on('error', () => {}))
  await once(everywhere.listen(0, '0.0.0.0'), 'listening')
  onTestFinished(() => void everywhere.close())
  const check = { type: 'ping', host: '127.0.0.1' } as const
  const uplinks = ['a', 'b'].map(name => ({ name, device: 'lo', checks: [check] }))
  // Without evidence, both uplinks may be used.
  const group = new UplinkGroup(new UplinkMonitor({ uplinks }), { policy: 'sticky' })
  onTestFinished(() => group.close())
  const proxy = await start({ group })
  const connections = () => ['a', 'b'].map(name => proxy.statistics.uplinks[name]?.connections ?? 0)
  const taken: string[] = []
  for (let host = 1; host <= 16; host++) {
    const before = connections()
    for (let time = 0; time < 3; time++) (await tunnel(proxy, portOf(everywhere), [127, 0, 0, host])).destroy()
    taken.push(
      connections()
        .map((count, uplink) => count - before[uplink]!)
        .join(),
    )
  }
  // All three connections to a host use the same uplink.
  expect([...new Set(taken)].sort()).toEqual(['0,3', '3,0'])
})

describe('UDP ASSOCIATE', () => {
  const datagram = (port: number, text: string, address = [127, 0, 0, 1]) =>
    Buffer.concat([Buffer.of(0, 0, 0, 1, ...address, port >> 8, port & 255), Buffer.from(text)])

  async function udp(onMessage?: (socket: UdpSocket, bytes: Buffer, port: number) => void): Promise<UdpSocket> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    onTestFinished(() => void socket.close())
    if (onMessage) socket.on('message', (bytes, { port }) => onMessage(socket, bytes, port))
    await once(socket, 'listening')
    return socket
  }

  async function associated(proxy: NetviaProxy, claimed: Buffer = request(0, 3, [0, 0, 0, 0])) {
    const control = await clientOf(proxy)
    control.write(Buffer.concat([greeting, claimed]))
    const answer = await read(control, 12)
    expect(answer.subarray(0, 10)).toEqual(Buffer.of(5, 0, 5, 0, 0, 1, 127, 0, 0, 1))
    return { control, port: answer.readUInt16BE(10) }
  }

  test('relays datagrams both ways, also to names, until the connection ends', async () => {
    const proxy = await start({ allowTargets: ['127.0.0.0/8', '::1'] })
    const server = await udp((socket, bytes, port) => socket.send(`${bytes}!`, port, '127.0.0.1'))
    const { control, port } = await associated(proxy)
    const client = await udp()
    const target = server.address().port
    client.send(datagram(target, 'one'), port, '127.0.0.1')
    expect(await once(client, 'message')).toMatchObject([datagram(target, 'one!'), { port }])
    const name = Buffer.concat([
      Buffer.of(0, 0, 0, 3, 9),
      Buffer.from('localhost'),
      datagram(target, 'two').subarray(8),
    ])
    client.send(name, port, '127.0.0.1')
    expect(String((await once(client, 'message'))[0])).toMatch(/two!$/)
    expect(proxy.statistics.uplinks.default).toEqual({
      ...{ connections: 1, open: 1, failures: 0, bytesSent: 6, bytesReceived: 8 },
    })
    control.end()
    await all(control)
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
  })

  test.each<[string, (port: number) => Buffer]>([
    ['the target', port => request(port, 3, [192, 0, 2, 1])],
    ['the name of the target', port => Buffer.of(5, 3, 0, 3, 1, 0x61, port >> 8, port & 255)],
    ['any address, with its port behind a NAT', port => request(port, 3, [0, 0, 0, 0])],
  ])('takes datagrams from the first port of a client whose request names %s', async (_what, claimed) => {
    const proxy = await start({ allowTargets: ['127.0.0.1'] })
    const target = (await udp((socket, bytes, port) => socket.send(bytes, port, '127.0.0.1'))).address().port
    const { port } = await associated(proxy, claimed(target))
    const client = await udp()
    client.send(datagram(target, 'first'), port, '127.0.0.1')
    expect(await once(client, 'message')).toMatchObject([datagram(target, 'first'), { port }])
  })

  test('takes datagrams from the port alone that a client names with its address', async () => {
    const proxy = await start({ allowTargets: ['127.0.0.1'] })
    const got: string[] = []
    const target = (await udp((_socket, bytes) => got.push(String(bytes)))).address().port
    const [client, other] = [await udp(), await udp()]
    const { port } = await associated(proxy, request(client.address().port, 3))
    other.send(datagram(target, 'another port'), port, '127.0.0.1')
    client.send(datagram(target, 'named port'), port, '127.0.0.1')
    await expect.poll(() => got).toEqual(['named port'])
  })

  test('counts no datagram that the kernel refuses to send', async () => {
    const proxy = await start({ allowTargets: ['0.0.0.0/0'] })
    const target = (await udp((socket, bytes, port) => socket.send(bytes, port, '127.0.0.1'))).address().port
    const { port } = await associated(proxy)
    const client = await udp()
    client.send(datagram(target, 'refused without SO_BROADCAST', [255, 255, 255, 255]), port, '127.0.0.1')
    client.send(datagram(target, 'four'), port, '127.0.0.1')
    await once(client, 'message')
    expect(proxy.statistics.uplinks.default).toMatchObject({ bytesSent: 4, bytesReceived: 4 })
  })

  test('resolves a bounded number of names at a time, and still relays to addresses', async () => {
    const asked = new Set<string>()
    const silent = await udp((_socket, bytes) => asked.add(/host\d+/.exec(bytes.toString('latin1'))![0]))
    const proxy = await start({ servers: [`127.0.0.1:${silent.address().port}`] })
    const server = await udp((socket, bytes, port) => socket.send(bytes, port, '127.0.0.1'))
    const { port } = await associated(proxy)
    const client = await udp()
    for (let i = 100; i < 200; i++) {
      const name = Buffer.from(`host${i}.test`)
      client.send(Buffer.concat([Buffer.of(0, 0, 0, 3, name.length), name, Buffer.of(0, 9, 1)]), port, '127.0.0.1')
    }
    client.send(datagram(server.address().port, 'last'), port, '127.0.0.1')
    expect(String((await once(client, 'message'))[0])).toMatch(/last$/)
    await expect.poll(() => asked.size).toBe(16)
    await sleep(300)
    expect(asked.size).toBe(16)
  })

  test('keeps few datagrams while their name is looked up', async () => {
    let release = () => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    const slow = await fakeServer(async ({ question }) => {
      await released
      return { answers: question.type === 'A' ? [a('slow.test', '127.0.0.1')] : [] }
    })
    onTestFinished(() => slow.close())
    const proxy = await start({ allowTargets: ['127.0.0.1'], servers: [slow.server] })
    const got: string[] = []
    const server = await udp((_socket, bytes) => got.push(String(bytes)))
    const { port } = await associated(proxy)
    const client = await udp()
    const target = server.address().port
    const named = (text: string) =>
      Buffer.concat([Buffer.of(0, 0, 0, 3, 9), Buffer.from('slow.test'), datagram(target, text).subarray(8)])
    for (let i = 0; i < 100; i++) client.send(named(`${i}`), port, '127.0.0.1')
    client.send(datagram(target, 'by address'), port, '127.0.0.1')
    await expect.poll(() => got, { timeout: 15_000 }).toEqual(['by address'])
    release()
    await expect.poll(() => got.length, { timeout: 15_000 }).toBe(1 + 8)
    client.send(named('last'), port, '127.0.0.1')
    await expect.poll(() => got.at(-1), { timeout: 15_000 }).toBe('last')
    expect(got).toEqual(['by address', ...Array.from({ length: 8 }, (_, i) => `${i}`), 'last'])
  })

  test('accepts nothing from other ports, for other targets, or from unknown targets', async () => {
    const proxy = await start({ allowTargets: ['127.0.0.1'] })
    const got: string[] = []
    const server = await udp((_socket, bytes) => got.push(String(bytes)))
    const { port } = await associated(proxy)
    const client = await udp()
    const other = await udp()
    const received: string[] = []
    client.on('message', bytes => received.push(bytes.subarray(10).toString()))
    const target = server.address().port
    client.send(datagram(target, 'first'), port, '127.0.0.1')
    await expect.poll(() => got).toEqual(['first'])
    other.send(datagram(target, 'another port'), port, '127.0.0.1')
    client.send(datagram(target, 'this machine', [127, 0, 0, 2]), port, '127.0.0.1')
    client.send(datagram(target, 'a fragment').fill(1, 2, 3), port, '127.0.0.1')
    client.send(Buffer.of(0, 0), port, '127.0.0.1')
    client.send(datagram(target, 'last'), port, '127.0.0.1')
    await expect.poll(() => got).toEqual(['first', 'last'])
    expect(received).toEqual([])
  })
})

describe('HTTP', () => {
  const ask = async (proxy: NetviaProxy, text: string) => {
    const socket = await clientOf(proxy)
    socket.end(text)
    return all(socket)
  }

  test('a client that has ended its side waits as long as for a handshake, as it may have given up', async () => {
    let heard = 0
    const silent = createServer(() => heard++).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const proxy = await start({ allowTargets: ['127.0.0.1'], handshakeTimeout: 300 })
    const client = await clientOf(proxy)
    client.write(`GET http://127.0.0.1:${portOf(silent)}/ HTTP/1.1\r\nHost: a\r\n\r\n`)
    await expect.poll(() => heard).toBe(1)
    client.end()
    expect(String(await all(client))).toMatch(/^HTTP\/1.1 502 /)
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
  })

  test('a client that has ended its side may pause while it reads its answer', async () => {
    const large = createHttpServer((_, response) => response.end(Buffer.alloc(32e6))).listen(0, '127.0.0.1')
    await once(large, 'listening')
    onTestFinished(() => void large.close())
    const proxy = await start({ allowTargets: ['127.0.0.1'], handshakeTimeout: 1000 })
    const client = await clientOf(proxy)
    client.end(`GET http://127.0.0.1:${portOf(large)}/ HTTP/1.1\r\nHost: a\r\n\r\n`)
    await once(client, 'readable')
    await sleep(2500)
    expect(proxy.statistics).toMatchObject({ clients: 1, uplinks: { default: { open: 1 } } })
  })

  test('a CONNECT that is refused may have sent its first bytes ahead', async () => {
    const client = await clientOf(await start({ allowTargets: [] }))
    client.write(`CONNECT 127.0.0.1:${portOf(echo)} HTTP/1.1\r\nHost: x\r\n\r\nearly`)
    expect(String(await all(client))).toMatch(/^HTTP\/1.1 403 /)
    client.end(Buffer.alloc(1e6))
    await once(client, 'close')
    expect(client.errored).toBeNull()
  })

  test('CONNECT opens a tunnel, and early data is passed on', async () => {
    const answer = await ask(await start(), `CONNECT 127.0.0.1:${portOf(echo)} HTTP/1.1\r\nHost: x\r\n\r\nearly`)
    expect(answer).toBe('HTTP/1.1 200 Connection established\r\n\r\nearly')
  })

  test('an absolute URL is requested, without hop-by-hop fields', async () => {
    const url = `http://127.0.0.1:${portOf(web)}/a?b`
    const fields = 'Host: elsewhere\r\nConnection: X-Drop\r\nX-Drop: 1\r\nProxy-Connection: keep-alive\r\nX-Keep: 1\r\n'
    const answer = await ask(await start(), `POST ${url} HTTP/1.1\r\n${fields}Content-Length: 4\r\n\r\nbody`)
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\nX-Kept: 2\r\n[\s\S]*Via: 1.1 netvia\r\n[\s\S]*answer to \/a\?b/)
    expect(answer).not.toMatch(/x-own/i)
    expect(seen).toHaveLength(1)
    expect(seen[0]!.body).toBe('body')
    expect(seen[0]!.request.headers).toEqual({
      ...{
        host: `127.0.0.1:${portOf(web)}`,
        'x-keep': '1',
        'content-length': '4',
        via: '1.1 netvia',
        connection: 'close',
      },
    })
  })

  test('pipelined requests are answered in turn, one at a time, chunked bodies included', async () => {
    const base = `http://127.0.0.1:${portOf(web)}`
    const chunked = `POST ${base}/2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`
    const plain = (path: string) => `GET ${base}${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    const answer = await ask(await start(), `${plain('/slow')}${chunked}${plain('/3')}`)
    expect([...answer.matchAll(/answer to (\S+?)(?=\r|$)/g)].map(match => match[1])).toEqual(['/slow', '/2', '/3'])
    expect(seen.map(({ body }) => body)).toEqual(['', 'abc', ''])
  })

  test.each([
    ['only a path', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['another scheme', 'GET https://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['CONNECT without a port', 'CONNECT 127.0.0.1 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no Host', 'GET http://127.0.0.1/ HTTP/1.1\r\n\r\n', 400],
    [
      'two lengths',
      'POST http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na',
      400,
    ],
    [
      'a length and chunks',
      'POST http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'another coding',
      'POST http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      501,
    ],
    [
      'invalid chunked encoding',
      'POST http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a folded field', 'GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400],
    ['a space before the colon', 'GET http://127.0.0.1/ HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['a field too long', `GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(20_000)}\r\n\r\n`, 431],
    ['TRACE', 'TRACE http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n', 501],
    ['a target on this machine', 'GET http://[::1]/ HTTP/1.1\r\nHost: x\r\n\r\n', 403],
    ['a tunnel to this machine', 'CONNECT [::1]:80 HTTP/1.1\r\nHost: x\r\n\r\n', 403],
    ['a port without a listener', 'GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\n\r\n', 502],
    ['a tunnel to a port without a listener', 'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n', 502],
  ])('%s is refused', async (_what, text, status) => {
    // The following bytes must not be treated as a request.
    const answer = await ask(
      await start(),
      `${text}GET http://127.0.0.1:${portOf(web)}/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`,
    )
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(seen.map(({ request }) => request.url)).toEqual([])
  })

  test.each(['MKCOL', 'POST'])('%s without content has no chunks, which servers refuse', async method => {
    const url = `http://127.0.0.1:${portOf(web)}/`
    expect(await ask(await start(), `${method} ${url} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /)
    const { headers } = seen[0]!.request
    expect(headers).toMatchObject({ 'content-length': '0' })
    expect(headers).not.toHaveProperty('transfer-encoding')
  })

  test('OPTIONS for the whole server is passed on as such, as often as Max-Forwards allows', async () => {
    const url = `http://127.0.0.1:${portOf(web)}`
    const options = (left: number) => `OPTIONS ${url} HTTP/1.1\r\nHost: x\r\nMax-Forwards: ${left}\r\n\r\n`
    expect(await ask(await start(), options(0))).toMatch(/^HTTP\/1.1 200 /)
    expect(seen).toEqual([])
    expect(await ask(await start(), options(5))).toMatch(/^HTTP\/1.1 200 /)
    expect(seen).toMatchObject([{ request: { method: 'OPTIONS', url: '*', headers: { 'max-forwards': '4' } } }])
  })

  test.each([
    ['a control character in the status line', 'HTTP/1.1 200 O\0K'],
    ['an invalid status', 'HTTP/1.1 099 OK'],
  ])('%s from a target is a bad gateway', async (_what, statusLine) => {
    const target = createServer(socket => {
      socket.on('error', () => {}).once('data', () => socket.end(`${statusLine}\r\nContent-Length: 2\r\n\r\nhi`))
    })
    onTestFinished(() => void target.close())
    await once(target.listen(0, '127.0.0.1'), 'listening')
    const answer = await ask(await start(), `GET http://127.0.0.1:${portOf(target)}/ HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\n/)
  })

  test('CONNECT during another request ends the connection', async () => {
    const slow = `GET http://127.0.0.1:${portOf(web)}/slow HTTP/1.1\r\nHost: x\r\n\r\n`
    expect(await ask(await start(), `${slow}CONNECT 127.0.0.1:${portOf(echo)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toBe('')
  })

  test('a flood of pipelined requests ends the connection', async () => {
    const one = `GET http://127.0.0.1:${portOf(web)}/slow HTTP/1.1\r\nHost: x\r\n\r\n`
    const proxy = await start()
    await ask(proxy, one.repeat(500))
    expect(seen.length).toBeLessThan(3)
    await expect.poll(() => proxy.statistics.clients).toBe(0)
  })

  test('user and password are required', async () => {
    const proxy = await start({ users: { ann: 'secret' } })
    const target = `http://127.0.0.1:${portOf(web)}/`
    const field = (text: string) => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`
    const get = (fields: string) => ask(proxy, `GET ${target} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`)
    expect(await get('')).toMatch(/^HTTP\/1.1 407 [\s\S]*Proxy-Authenticate: Basic realm="netvia"/)
    expect(await get(field('ann:wrong'))).toMatch(/^HTTP\/1.1 407 /)
    const tunnel = `CONNECT 127.0.0.1:${portOf(echo)} HTTP/1.1\r\nHost: x\r\n`
    expect(await ask(proxy, `${tunnel}\r\n`)).toMatch(/^HTTP\/1.1 407 [\s\S]*Proxy-Authenticate: Basic/)
    expect(await get(field('ann:secret'))).toMatch(/^HTTP\/1.1 200 /)
    expect(await ask(proxy, `${tunnel}${field('ann:secret')}\r\nhi`)).toMatch(/^HTTP\/1.1 200 [\s\S]*hi$/)
    expect(seen[0]!.request.headers['proxy-authorization']).toBeUndefined()
  })

  test('a client that tries many passwords for a user has no more guesses', async () => {
    const proxy = await start({ users: { ann: 'secret', bob: 'hidden' } })
    const field = (text: string) => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`
    const status = async (text: string) => {
      const target = `http://127.0.0.1:${portOf(web)}/`
      return (await ask(proxy, `GET ${target} HTTP/1.1\r\nHost: x\r\n${field(text)}\r\n`)).slice(9, 12)
    }
    for (let i = 0; i < 10; i++) expect(await status(`ann:${i}`)).toBe('407')
    expect([await status('ann:secret'), await status('bob:hidden')]).toEqual(['407', '200'])
    proxy.configure({ users: { ann: 'secret' } })
    expect(await status('ann:secret')).toBe('200')
  })
})

describe('access', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', '::ffff:192.0.2.1'])('%s without allow and users is refused', async host => {
    await expect(listenProxy({ port: 0, host })).rejects.toMatchObject({ code: 'ERR_OPEN_PROXY' })
  })

  test.each([
    [{ host: 'server.test' }, /host must be an IPv4 or IPv6 address/],
    [{ allow: ['192.168.1.0/33'] }, /allow\[0\] must be an address or a block/],
    [{ users: {} }, /users must be an object/],
    [{ users: { 'a:b': 'c' } }, /users must be an object/],
    [{ group: {} as never }, /group must be an UplinkGroup/],
    [{ maxConnections: 0 }, /maxConnections must be/],
  ])('%j is refused', async (options, message) => {
    await expect(listenProxy({ port: 0, ...options })).rejects.toThrow(message)
  })

  test('clients from elsewhere are closed', async () => {
    const proxy = await start({ host: '0.0.0.0', allow: ['192.0.2.0/24'] })
    expect(await all(await clientOf(proxy))).toBe('')
    expect(proxy.statistics).toMatchObject({ clients: 0, refused: 1 })
  })

  test('connections beyond the limits are closed', async () => {
    const proxy = await start({ maxConnectionsPerClient: 1 })
    await tunnel(proxy)
    expect(await all(await clientOf(proxy))).toBe('')
    expect(proxy.statistics).toMatchObject({ clients: 1, refused: 1 })
  })

  test.each([
    ['nothing', ''],
    ['half a greeting', '\x05'],
    ['half a header', 'GET http://127.0.0.1/ HTTP/1.1\r\nHo'],
    ['another protocol', '\x16\x03\x01'],
  ])('a client that sends %s is closed in time', async (_what, text) => {
    const proxy = await start({ handshakeTimeout: 200 })
    const socket = await clientOf(proxy)
    socket.write(text)
    expect(await all(socket)).toBe('')
    await expect.poll(() => proxy.statistics.clients).toBe(0)
  })

  test('so is one that is silent after a response or in a tunnel', async () => {
    const proxy = await start({ handshakeTimeout: atOnce, idleTimeout: atOnce })
    const kept = await clientOf(proxy)
    kept.write(`GET http://127.0.0.1:${portOf(web)}/ HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(await all(kept)).toMatch(/answer to \//)
    const socket = await tunnel(proxy)
    expect(await all(socket)).toBe('')
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
  })

  test('closing releases everything', async () => {
    const proxy = await start()
    const socket = await tunnel(proxy)
    await proxy.close()
    await all(socket)
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
    const controller = new AbortController()
    const other = await start({ signal: controller.signal })
    const second = await tunnel(other)
    controller.abort()
    await all(second)
  })
})
