import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy, type ProxyOptions, type UpstreamProxy } from '../../src/index.js'
import { closedPort } from './http-servers.js'

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** Starts a SOCKS server that handles each connection with `serve`. */
async function far(serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: portOf(server), sockets }
}

/** The proxy's complete answer to a SOCKS request for `server.test:80` without a password. */
async function request(upstream: UpstreamProxy, options: ProxyOptions = {}) {
  const proxy = await listenProxy({ port: 0, upstream, ...options })
  onTestFinished(() => proxy.close())
  const client = dial({ port: proxy.address().port, host: '127.0.0.1' }).on('error', () => {})
  onTestFinished(() => void client.destroy())
  client.write(Buffer.concat([Buffer.of(5, 1, 0, 5, 1, 0, 3, 11), Buffer.from('server.test'), Buffer.of(0, 80)]))
  return { proxy, client, answer: () => answerTo(client) }
}

async function answerTo(client: Socket): Promise<number[]> {
  const chunks: Buffer[] = []
  client.on('data', chunk => chunks.push(chunk))
  await once(client, 'close')
  return [...Buffer.concat(chunks)]
}

/** Answers each client message with the next of these. */
const script =
  (...answers: (string | Buffer)[]) =>
  (socket: Socket) =>
    socket.on('data', () => {
      const next = answers.shift()
      if (next !== undefined) socket.write(next)
    })

const login = { user: 'ann', password: 'secret' }

describe('answers of another proxy', () => {
  test.each<[string, (socket: Socket) => void, Partial<UpstreamProxy>]>([
    ['nothing, then an end', socket => socket.end(), {}],
    ['nothing, then a reset', socket => socket.resetAndDestroy(), {}],
    ['an HTTP response', script('HTTP/1.1 400 Bad Request\r\n\r\n'), {}],
    ['no acceptable method', script(Buffer.of(5, 0xff)), {}],
    ['a password is required', script(Buffer.of(5, 2)), {}],
    ['no password is required, although one is configured', script(Buffer.of(5, 0)), login],
    ['the password is wrong', script(Buffer.of(5, 2), Buffer.of(1, 1)), login],
    ['half a verdict, then an end', socket => void socket.once('data', () => socket.end(Buffer.of(5, 2, 1))), login],
    ['a reply of another version', script(Buffer.of(5, 0), Buffer.of(4, 90, 0, 0, 0, 0, 0, 0)), {}],
    ['a reply with an unknown address type', script(Buffer.of(5, 0), Buffer.of(5, 0, 0, 9, 0, 0, 0, 0, 0, 0)), {}],
    [
      'half a reply, then an end',
      socket => void socket.once('data', () => socket.end(Buffer.of(5, 0, 5, 0, 0, 1))),
      {},
    ],
  ])('%s: the client gets a failure', async (_, serve, credentials) => {
    const { port } = await far(serve)
    const { proxy, answer } = await request({ host: '127.0.0.1', port, ...credentials })
    expect((await answer()).slice(0, 4)).toEqual([5, 0, 5, 1])
    expect(proxy.statistics.uplinks).toMatchObject({ default: { connections: 0, failures: 1, open: 0 } })
  })

  test.each([
    [2, 2],
    [3, 3],
    [4, 4],
    [5, 5],
    [1, 1],
    [6, 1],
    [0x7f, 1],
  ])('reply %d reaches the client as %d', async (code, seen) => {
    const { port } = await far(script(Buffer.of(5, 0), Buffer.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0)))
    const { proxy, answer } = await request({ host: '127.0.0.1', port })
    expect((await answer()).slice(0, 4)).toEqual([5, 0, 5, seen])
    // A refusal by the target, or by the proxy's rules, doesn't count as a failure of the uplink.
    const { failures } = proxy.statistics.uplinks.default ?? { failures: 0 }
    expect(failures).toBe(code === 2 || code === 5 ? 0 : 1)
  })

  test.each([
    ['no address', [5, 5, 0, 1]],
    ['an unknown type of address', [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['nothing but its code', [5, 5]],
  ])('a refusal with %s is one', async (_what, bytes) => {
    const { port } = await far(socket => {
      socket.once('data', () => {
        socket.write(Buffer.of(5, 0))
        socket.once('data', () => socket.end(Buffer.from(bytes)))
      })
    })
    const { answer } = await request({ host: '127.0.0.1', port })
    expect((await answer()).slice(0, 4)).toEqual([5, 0, 5, 5])
  })

  test('a success with an empty name for its address is one', async () => {
    const reply = Buffer.of(5, 0, 0, 3, 0, 0, 80)
    const { port } = await far(socket => {
      socket.once('data', () => socket.end(Buffer.concat([Buffer.of(5, 0), reply, Buffer.from('hello')])))
    })
    const { answer } = await request({ host: '127.0.0.1', port })
    expect(Buffer.from(await answer()).toString('latin1')).toMatch(/hello$/)
  })

  test('a proxy that refuses the connection is distinguished from a target that does', async () => {
    const { proxy, answer } = await request({ host: '127.0.0.1', port: closedPort })
    expect((await answer()).slice(0, 4)).toEqual([5, 0, 5, 1])
    expect(proxy.statistics.uplinks).toMatchObject({ default: { connections: 0, failures: 1 } })
  })

  test('all in one segment, or byte by byte: the target’s first bytes reach the client', async () => {
    const whole = Buffer.concat([Buffer.of(5, 0, 5, 0, 0, 3, 1, 0x61, 0, 80), Buffer.from('hello')])
    const drip = (socket: Socket) => {
      const bytes = [...whole]
      const timer = setInterval(() => {
        const byte = bytes.shift()
        if (byte === undefined) socket.end()
        else socket.write(Buffer.of(byte))
      }, 2)
      socket.on('close', () => clearInterval(timer))
    }
    for (const serve of [(socket: Socket) => void socket.once('data', () => socket.end(whole)), drip]) {
      const { port } = await far(serve)
      const { answer } = await request({ host: '127.0.0.1', port })
      expect(Buffer.from(await answer()).toString('latin1')).toMatch(/hello$/)
    }
  })

  test('nothing at all: the proxy does not wait for a client that is gone', async () => {
    const { port, sockets } = await far(() => {})
    const { proxy, client } = await request({ host: '127.0.0.1', port })
    await expect.poll(() => sockets.size, { timeout: 5000 }).toBe(1)
    client.resetAndDestroy()
    const [socket] = sockets
    socket!.resume()
    await expect.poll(() => socket!.destroyed || socket!.readableEnded, { timeout: 5000 }).toBe(true)
    expect(proxy.statistics.uplinks).toEqual({})
  })
})

test('messages to another proxy conform to RFC 1928 and RFC 1929', async () => {
  let seen = Buffer.alloc(0)
  const answers = [Buffer.of(5, 2), Buffer.of(1, 0), Buffer.of(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)]
  const { port } = await far(socket =>
    socket.on('data', bytes => {
      seen = Buffer.concat([seen, bytes])
      socket.write(answers.shift()!)
    }),
  )
  await (await request({ host: '127.0.0.1', port, ...login })).answer()
  expect(seen).toEqual(
    Buffer.concat([
      ...[Buffer.of(5, 1, 2), Buffer.of(1, 3), Buffer.from('ann'), Buffer.of(6), Buffer.from('secret')],
      ...[Buffer.of(5, 1, 0, 3, 11), Buffer.from('server.test'), Buffer.of(0, 80)],
    ]),
  )
})

test.each<[ProxyOptions, RegExp]>([
  [{ upstream: {} as never }, /upstream: host/],
  [{ upstream: { host: '192.0.2.1', user: 'ann' } }, /user and password together/],
  [{ upstream: { host: '192.0.2.1', user: '', password: 'x' } }, /user must be/],
  [{ upstream: { host: '192.0.2.1', user: 'a', password: 'secret'.repeat(50) } }, /password must be of 1-255/],
  [{ upstream: { host: '192.0.2.1', port: 0 } }, /port/],
  [{ multipath: ['lo'] }, /multipath must be an array of 2 to 8/],
  [{ multipath: ['a', 'b'], device: 'lo' }, /device must be left out with multipath/],
  [{ multipath: ['a', 'b'], localAddress: '127.0.0.1' }, /localAddress must be left out with multipath/],
  [{ multipathFallback: 'never' }, /multipathFallback must be left out without multipath/],
  [{ acceptMultipath: 1 as never }, /acceptMultipath must be/],
])('%j is refused', async (options, message) => {
  const error = await listenProxy({ port: 0, ...options }).catch(error => error)
  expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringMatching(message) })
  expect(error.message).not.toMatch(/secret/)
})
