import { once } from 'node:events'
import http, { type Agent } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { type AddressInfo, connect as nodeConnect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { UplinkGroup } from '../../src/group/group.js'
import { connect, connectTls, HttpAgent, HttpsAgent, listen, UplinkMonitor } from '../../src/index.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { boundDevice } from '../../src/sockets/open.js'
import { createDispatcher } from '../../src/undici.js'
import { ca, httpServer, httpsServer, tcpServer } from './http-servers.js'

const device = 'lo'
const host = '127.0.0.1'
const offPath = expect.objectContaining({
  name: 'NetviaError',
  code: 'ERR_OFF_PATH',
  device,
  hint: expect.stringContaining('netvia'),
})

/** Tries each overload of `net.Socket.connect`, with a port that would accept the connection. */
function refusesToConnect(socket: Socket, port: number): void {
  const refused = [
    () => socket.connect(port, host),
    () => socket.connect(port, 'localhost', () => {}),
    () => socket.connect(port),
    () => socket.connect({ port, host }),
    () => socket.connect({ path: '/nosuch.sock' }),
    () => socket.connect('/nosuch.sock'),
  ]
  for (const call of refused) expect(call).toThrow(offPath)
}

/** A group with one uplink. */
function groupOf(name: string, port: number): UplinkGroup {
  const monitor = new UplinkMonitor({ uplinks: [{ name, device: name, checks: [{ type: 'tcp', host, port }] }] })
  const group = new UplinkGroup(monitor, { policy: 'failover' })
  onTestFinished(() => group.close())
  return group
}

const closed = async (socket: Socket) => socket.closed || (await once(socket, 'close'))

describe('a returned socket cannot be connected again', () => {
  test('from connect(): while it is connected, destroyed, reset, and ended', async () => {
    let seen = 0
    const port = await tcpServer(socket => {
      seen++
      socket.resume().on('end', () => socket.end())
    })
    for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const socket = await connect({ host, port, device })
      refusesToConnect(socket, port)
      socket.resume()[end]()
      await closed(socket)
      refusesToConnect(socket, port)
    }
    expect(seen).toBe(3)
  })

  test('from connectTls()', async () => {
    const port = await httpsServer((_request, response) => response.end())
    const socket = await connectTls({ host, port, device, ca, servername: 'localhost' })
    refusesToConnect(socket, port)
    socket.destroy()
    await closed(socket)
    refusesToConnect(socket, port)
  })

  test('from a group', async () => {
    const port = await tcpServer(socket => void socket.resume())
    const group = groupOf(device, port)
    const socket = await group.connect({ host, port })
    refusesToConnect(socket, port)
    socket.destroy()
    await closed(socket)
    refusesToConnect(socket, port)
  })

  test('accepted by listen()', async () => {
    const server = await listen({ host, port: 0, device })
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const accepted = once(server, 'connection')
    const client = nodeConnect(port, host)
    const [socket] = (await accepted) as [Socket]
    refusesToConnect(socket, port)
    client.destroy()
    socket.destroy()
    await closed(socket)
    refusesToConnect(socket, port)
  })

  test.each(['http', 'https'])('from an agent: %s', async scheme => {
    const secure = scheme === 'https'
    const port = await (secure ? httpsServer : httpServer)((_request, response) => response.end())
    const agent = secure ? new HttpsAgent({ device, ca }) : new HttpAgent({ device })
    onTestFinished(() => agent.destroy())
    const request = (secure ? https : http).get({ agent, host: 'localhost', family: 4, port })
    const [response] = await once(request, 'response')
    response.resume()
    refusesToConnect(request.socket!, port)
  })

  test.each(['http', 'https'])('from undici: %s', async scheme => {
    const server = scheme === 'https' ? httpsServer : httpServer
    const port = await server((_request, response) => response.end())
    const dispatcher = createDispatcher({ device, connect: { ca } })
    onTestFinished(() => dispatcher.destroy())
    let socket: Socket | undefined
    dispatcher.once('connect', (_origin, targets) => {
      const client = targets.at(-1) as unknown as Record<symbol, Socket>
      for (const key of Object.getOwnPropertySymbols(client)) if (key.description === 'socket') socket ??= client[key]
    })
    const { body } = await dispatcher.request({ origin: `${scheme}://localhost:${port}`, path: '/', method: 'GET' })
    await body.dump()
    refusesToConnect(socket!, port)
  })

  test('from an http2 session', async () => {
    const server = http2.createServer((_request, response) => response.end()).listen(0, host)
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = await connect({ host, port, device })
    const session = http2.connect(`http://${host}:${port}`, { createConnection: () => socket })
    await once(session, 'connect')
    refusesToConnect(session.socket as Socket, port)
    session.close()
    await once(session, 'close')
  })
})

test('a server from listen() cannot listen again', async () => {
  const server = await listen({ host, port: 0, device })
  expect(() => server.listen(0)).toThrow(offPath)
  await new Promise(done => server.close(done))
  for (const again of [
    () => server.listen(0),
    () => server.listen({ port: 0, host }),
    () => server.listen('/nosuch.sock'),
  ]) {
    expect(again).toThrow(offPath)
  }
  expect(server.listening).toBe(false)
})

test("a request's createConnection option is not called with an agent", async () => {
  const port = await httpServer((_request, response) => response.end())
  const agent = new HttpAgent({ device })
  onTestFinished(() => agent.destroy())
  const createConnection = () => {
    throw new Error('called')
  }
  const [response] = await once(http.get({ agent, host, port, createConnection }), 'response')
  expect(response.statusCode).toBe(200)
  response.resume()
})

test.each([
  ['HttpAgent', () => new HttpAgent({ device })],
  ['HttpsAgent', () => new HttpsAgent({ device, ca })],
])('createConnection of %s connects over the path, and needs a callback', async (_name, create) => {
  const secure = _name === 'HttpsAgent'
  const port = await (secure ? httpsServer : httpServer)((_request, response) => response.end())
  const agent = create() as Agent
  const connected = new Promise<Socket>((resolve, reject) =>
    agent.createConnection({ host: 'localhost', family: 4, port }, (error, stream) =>
      error ? reject(error) : resolve(stream as Socket),
    ),
  )
  const socket = await connected
  onTestFinished(() => void socket.destroy())
  expect(boundDevice(descriptorOf(socket))).toBe(device)
  refusesToConnect(socket, port)
  const invalid = expect.objectContaining({ name: 'NetviaError', code: 'ERR_INVALID_ARG_VALUE' })
  expect(() => agent.createConnection({ host, port })).toThrow(invalid)
})

test("createConnection of a group's agent uses the path of the picked uplink", async () => {
  const port = await httpServer((_request, response) => response.end())
  const group = groupOf('nosuch0', port)
  for (const agent of [group.httpAgent, group.httpsAgent] as Agent[]) {
    const error = await new Promise(done => agent.createConnection({ host, port }, done))
    expect(error).toMatchObject({ code: 'ENODEV', device: 'nosuch0' })
  }
})
