import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy, type Proxy as NetviaProxy, type ProxyOptions } from '../../src/index.js'
import { reportResets } from '../../src/sockets/report-resets.js'
import { resetSocket } from '../../src/sockets/reset.js'
import { openSockets } from './open-sockets.js'

/** How the target answers after a complete request header. `seen` has everything that it received. */
let answer: (socket: Socket) => void
let seen: string[] = []
const targets = new Set<Socket>()

const good = (socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')

const server = createServer(socket => {
  const index = seen.push('') - 1
  targets.add(socket)
  socket.on('error', () => {}).on('close', () => targets.delete(socket))
  socket.on('data', bytes => {
    const before = seen[index]!
    seen[index] += bytes.toString('latin1')
    if (!before.includes('\r\n\r\n') && seen[index]!.includes('\r\n\r\n')) answer(socket)
  })
})
// Not in a hook, because the test tables need its address.
await once(server.listen(0, '127.0.0.1'), 'listening')
const base = `127.0.0.1:${(server.address() as { port: number }).port}`

afterAll(() => {
  for (const socket of targets) socket.destroy()
  server.close()
})
beforeEach(() => {
  answer = good
  seen = []
})

async function start(options: ProxyOptions = {}): Promise<NetviaProxy> {
  const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'], ...options })
  onTestFinished(() => proxy.close())
  return proxy
}

async function client(proxy: NetviaProxy): Promise<Socket> {
  const socket = reportResets(connect({ port: proxy.address().port, host: '127.0.0.1', allowHalfOpen: true }))
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Reads a socket until its end. Returns the text, and whether it ended normally or by a reset. */
function everything(socket: Socket): Promise<{ text: string; end: string }> {
  let text = ''
  socket.setEncoding('latin1').on('data', chunk => {
    text += chunk
  })
  return new Promise(resolve => {
    socket.on('end', () => resolve({ text, end: 'end' }))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ text, end: error.code! }))
  })
}

async function ask(proxy: NetviaProxy, text: string) {
  const socket = await client(proxy)
  socket.write(text, 'latin1')
  return everything(socket)
}

const get = (version = '1.1') => `GET http://${base}/ HTTP/${version}\r\nHost: x\r\n\r\n`

test('Via has the HTTP version of each message', async () => {
  answer = socket => void socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi')
  const proxy = await start()
  expect((await ask(proxy, get('1.0'))).text).toContain('\r\nVia: 1.0 netvia\r\n')
  expect((await ask(proxy, get('1.1'))).text).toContain('\r\nVia: 1.0 netvia\r\n')
  expect(seen.map(text => /Via: \S+/.exec(text)?.[0])).toEqual(['Via: 1.0', 'Via: 1.1'])
})

describe('ambiguous messages are refused', () => {
  const post = (fields: string, body = '', version = '1.1') =>
    `POST http://${base}/ HTTP/${version}\r\nHost: x\r\n${fields}\r\n\r\n${body}`
  const chunked = (body: string) => post('Transfer-Encoding: chunked', body)

  test.each([
    ['lines that end with LF alone', `GET http://${base}/ HTTP/1.1\nHost: x\n\n`],
    ['a single line that ends with LF alone', `GET http://${base}/ HTTP/1.1\r\nHost: x\nA: b\r\n\r\n`],
    ['CR within a field', post('A: b\rC: d')],
    ['NUL within a field', post('A: b\0c')],
    ['DEL within a field', post('A: b\x7fc')],
    ['a length with a sign', post('Content-Length: +2', 'hi')],
    ['a list of lengths', post('Content-Length: 2, 2', 'hi')],
    ['the same length twice', post('Content-Length: 2\r\nContent-Length: 2', 'hi')],
    ['a length of more than 64 bits', post('Content-Length: 99999999999999999999', 'hi')],
    ['chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n')],
    ['chunked, then another coding', post('Transfer-Encoding: chunked, identity', '0\r\n\r\n')],
    ['chunks in HTTP/1.0', post('Transfer-Encoding: chunked', '0\r\n\r\n', '1.0')],
    ['a chunk size that ends with LF alone', chunked('2\nhi\r\n0\r\n\r\n')],
    ['a chunk extension that ends with LF alone', chunked('2;a\nhi\r\n0\r\n\r\n')],
    ['a chunk size that ends with CR alone', chunked('2\rhi\r\n0\r\n\r\n')],
    ['a chunk size with a prefix', chunked('0x2\r\nhi\r\n0\r\n\r\n')],
    ['a chunk longer than its size', chunked('2\r\nhiXX0\r\n\r\n')],
    ['two Hosts', post('Host: y')],
    ['a path with non-ASCII bytes', `GET http://${base}/\xff HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['an unknown version', get('1.2')],
    ['a tunnel with a length', `CONNECT ${base} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n${get()}`],
    ['a tunnel with chunks', `CONNECT ${base} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${get()}`],
    ['a tunnel with two Hosts', `CONNECT ${base} HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n`],
  ])('%s', async (_what, text) => {
    const { text: answered } = await ask(await start(), `${text}${get()}`)
    expect(answered).toMatch(/^HTTP\/1.1 400 [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n$/)
    expect(seen.filter(request => !request.startsWith('POST'))).toEqual([])
  })

  // By default, Node drops header fields after the first 2,000.
  const many = 'A:\r\n'.repeat(2100)
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

  test.each([
    [`Content-Length: ${smuggled.length}`, smuggled],
    ['Transfer-Encoding: chunked', `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`],
  ])('%s is passed on after any number of fields', async (field, body) => {
    const socket = await client(await start())
    socket.write(`GET http://${base}/ HTTP/1.1\r\nHost: x\r\n${many}Connection: A\r\n${field}\r\n\r\n${body}`)
    await expect.poll(() => seen.join()).toContain(body)
    const [head] = seen[0]!.split('\r\n\r\n')
    expect(head).toContain(field)
    expect(head).not.toContain('\r\nA:')
  })

  test("a response's coding that would be lost is detected after any number of fields", async () => {
    answer = socket => void socket.write(`HTTP/1.1 200 OK\r\n${many}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)
    const socket = await client(await start())
    socket.write(get())
    const [first] = await once(socket, 'data')
    expect(String(first)).toMatch(/^HTTP\/1.1 502 /)
  })

  test.each([
    ['an answer 204 has no length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello', 204],
    ['an answer 304 keeps its length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', 304],
    ['an answer 101 is a bad gateway', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 502],
  ])('%s', async (_what, text, status) => {
    answer = socket => void socket.end(text)
    const got = (await ask(await start(), get('1.0'))).text
    expect(got.split(' ')[1]).toBe(String(status))
    expect(/^content-length: \d+/im.exec(got)?.[0]).toBe({ 304: 'Content-Length: 5', 502: 'Content-Length: 0' }[status])
  })

  test('hop-by-hop fields never reach the target', async () => {
    const fields = [
      ...['Connection: Upgrade, X-Secret, host', 'Upgrade: h2c', 'X-Secret: 1', 'TE: trailers', 'Trailer: A'],
      ...['PROXY-AUTHORIZATION: Basic eA==', 'Proxy-Authorization: Basic eQ==', 'Keep-Alive: timeout=9'],
    ]
    const proxy = await start()
    const socket = await client(proxy)
    const body = '2;extension="\x01"\r\nhi\r\n0\r\nA: trailer\r\n\r\n'
    socket.write(`${post([...fields, 'Transfer-Encoding: chunked'].join('\r\n'), body.replace('\x01', 'x'))}`)
    await once(socket, 'data')
    expect(seen).toEqual([
      `POST / HTTP/1.1\r\nHost: ${base}\r\nVia: 1.1 netvia\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
    ])
  })
})

describe('a response that is cut off never looks complete', () => {
  const cut: [string, string, (socket: Socket) => void][] = [
    ['reset, without a length', 'HTTP/1.1 200 OK\r\n\r\npart', socket => socket.resetAndDestroy()],
    ['reset, with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart', socket => socket.resetAndDestroy()],
    [
      'reset right behind its last bytes, without a length',
      'HTTP/1.1 200 OK\r\n\r\na ',
      socket => {
        socket.write('part')
        resetSocket(socket)
      },
    ],
    ['ended too early', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart', socket => socket.end()],
    ['ended between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n', s => s.end()],
    ['silent for too long', 'HTTP/1.1 200 OK\r\n\r\npart', () => {}],
  ]
  test.each(cut.flatMap(one => ['1.1', '1.0'].map(version => [...one, version] as const)))(
    '%s',
    async (_what, head, end, version) => {
      answer = socket => {
        socket.write(head)
        setTimeout(() => end(socket), 100)
      }
      const proxy = await start({ idleTimeout: 500 })
      const got = await ask(proxy, get(version))
      expect(got).toEqual({ text: expect.stringMatching(/part(\r\n)?$/), end: 'ECONNRESET' })
      await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
    },
  )

  test.each(['socks', 'connect'])('in an idle tunnel, or one whose proxy closes: %s', async kind => {
    const socks = Buffer.from(`\x05\x01\x00\x05\x01\x00\x01\x7f\0\0\x01`, 'latin1')
    const port = Number(base.split(':')[1])
    const hello =
      kind === 'socks'
        ? Buffer.concat([socks, Buffer.of(port >> 8, port & 255), Buffer.from('\r\n\r\n')])
        : `CONNECT ${base} HTTP/1.1\r\nHost: x\r\n\r\n\r\n\r\n`
    for (const idleTimeout of [500, 60_000]) {
      const proxy = await start({ idleTimeout })
      const socket = await client(proxy)
      socket.write(hello)
      const got = everything(socket)
      await expect.poll(() => [...targets].length).toBe(1)
      const target = [...targets][0]!
      const targetEnd = once(target, 'error')
      await wait(100)
      if (idleTimeout > 500) await proxy.close()
      expect(await got).toMatchObject({ text: expect.stringMatching(/hi$/), end: 'ECONNRESET' })
      expect(await targetEnd).toMatchObject([{ code: 'ECONNRESET' }])
      await expect.poll(() => targets.size).toBe(0)
    }
  })

  test.each([
    ['gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\npart'],
    ['gzip in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\npart\r\n0\r\n\r\n'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nevil'],
    ['another protocol', 'HTTP/1.1 101 Sw\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['a folded field', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nhi'],
  ])('%s, which the client could read differently, is a bad gateway', async (_what, text) => {
    answer = socket => socket.end(text)
    const proxy = await start()
    expect((await ask(proxy, get())).text).toMatch(/^HTTP\/1.1 502 /)
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
  })
})

test('a client that does not read its response is closed', async () => {
  // The answer fits into the streams' buffers, so the target has already closed.
  answer = socket => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${'x'.repeat(50_000)}`)
  const proxy = await start({ idleTimeout: 1000 })
  const socket = await client(proxy)
  let sent = 0
  const timer = setInterval(() => {
    // The proxy accepts at most 64 pipelined requests.
    if (sent >= seen.length + 30) return
    socket.write(get().repeat(10))
    sent += 10
  }, 5)
  onTestFinished(() => clearInterval(timer))
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBeGreaterThan(20)
  await expect.poll(() => proxy.statistics.clients, { timeout: 10_000 }).toBe(0)
})

test.each([
  ['a greeting', Buffer.concat([Buffer.of(5, 255), Buffer.alloc(255)])],
  ['a password', Buffer.concat([Buffer.of(5, 1, 2, 1, 255), Buffer.alloc(600, 'a')])],
  [
    'a SOCKS request',
    Buffer.concat([Buffer.of(5, 1, 2, 1, 3, ...Buffer.from('ann'), 6), Buffer.from('secret\x05\x01\0\x03\xff')]),
  ],
  ['a request line', Buffer.from(`GET ${'a'.repeat(2000)}`)],
  ['a header', Buffer.from(`GET http://${'a'.repeat(9)}/ HTTP/1.1\r\n${'A: b\r\n'.repeat(500)}`)],
])('a client that drips %s is closed in time, however short its pauses are', async (_what, bytes) => {
  const proxy = await start({ handshakeTimeout: 1000, users: { ann: 'secret' } })
  const socket = await client(proxy)
  let sent = 0
  const timer = setInterval(() => sent < bytes.length - 1 && socket.write(bytes.subarray(sent, ++sent)), 20)
  onTestFinished(() => clearInterval(timer))
  const begin = performance.now()
  await everything(socket)
  // The client never completes a message, so only the time limit can end the connection.
  expect(performance.now() - begin).toBeGreaterThan(900)
  expect(sent).toBeLessThan(bytes.length)
  await expect.poll(() => proxy.statistics.clients).toBe(0)
})

test('a reset by any side, at any moment, leaves nothing open', async () => {
  const proxy = await start()
  const port = Number(base.split(':')[1])
  const socks = Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255, 13, 10, 13, 10])
  const texts = [socks, Buffer.from(get()), Buffer.from(`CONNECT ${base} HTTP/1.1\r\nHost: x\r\n\r\n${get()}`)]
  const associate = Buffer.from([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0])
  const before = await openSockets()
  const attempt = async (i: number) => {
    const text = [...texts, associate][i % 4]!
    const end = i % 8 < 4 ? 'resetAndDestroy' : 'destroy'
    answer = target => {
      const moment = Math.random() * 10
      setTimeout(() => target.write('HTTP/1.1 200 OK\r\n\r\npart'), moment)
      setTimeout(() => target[i % 3 ? 'resetAndDestroy' : 'end'](), moment + Math.random() * 10)
    }
    const socket = await client(proxy)
    socket.write(text.subarray(0, i % 5 ? text.length : Math.ceil(Math.random() * text.length)))
    await wait(Math.random() * 20)
    socket[end]()
  }
  for (let wave = 0; wave < 20; wave++) await Promise.all(Array.from({ length: 20 }, (_, i) => attempt(i)))
  await expect.poll(() => proxy.statistics, { timeout: 10_000 }).toMatchObject({ clients: 0 })
  await expect.poll(() => proxy.statistics.uplinks.default?.open, { timeout: 10_000 }).toBe(0)
  await expect.poll(() => targets.size, { timeout: 10_000 }).toBe(0)
  await expect.poll(openSockets, { timeout: 10_000 }).toBe(before)
})
