import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createConnection, createServer as createPlainServer, type Socket } from 'node:net'
import tls, { createServer, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { HttpsAgent } from '../../src/protocols/http/agent.js'
import { connectTls } from '../../src/protocols/tcp/connect-tls.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { boundDevice } from '../../src/sockets/open.js'
import { tcpInfo } from '../../src/sockets/tcp-info.js'
import { a, fakeServer } from './dns-fake-server.js'
import { openSockets } from './open-sockets.js'
import { expectPromptAbort } from './prompt-abort.js'
import { uncaught } from './uncaught.js'

const file = (name: string) => readFileSync(new URL(`../lab/certificates/${name}`, import.meta.url), 'utf8')
const ca = file('ca.pem')

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function serve(certificate = 'server', options: TlsOptions = {}): Promise<number> {
  const server = createServer(
    { cert: file(`${certificate}.pem`), key: file(`${certificate}.key`), ...options },
    socket => {
      socket.on('error', () => {})
      socket.end(`sni ${socket.servername || 'none'}, alpn ${socket.alpnProtocol || 'none'}`)
    },
  )
  server.on('tlsClientError', () => {})
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  closers.push(() => server.close())
  return (server.address() as { port: number }).port
}

async function silent(): Promise<number> {
  const server = createPlainServer(socket => void socket.on('error', () => {}).resume())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return (server.address() as { port: number }).port
}

async function names(): Promise<string[]> {
  const dns = await fakeServer(({ question: { name, type } }) => ({
    answers: type === 'A' ? [a(name, '127.0.0.1')] : [],
  }))
  closers.push(dns.close)
  return [dns.server]
}

test('to a name: server name and certificate match it, over the device', async () => {
  const options = { port: await serve('server', { ALPNProtocols: ['h2', 'http/1.1'] }), ca, servers: await names() }
  const socket = await connectTls({ host: 'www.server.test', device: 'lo', ALPNProtocols: ['http/1.1'], ...options })
  expect(socket.authorized).toBe(true)
  expect(socket).toMatchObject({ remoteAddress: '127.0.0.1', remotePort: options.port, alpnProtocol: 'http/1.1' })
  expect(boundDevice(descriptorOf(socket))).toBe('lo')
  expect(socket.getPeerCertificate(true)).toMatchObject({ issuerCertificate: { subject: { CN: 'netvia test CA' } } })
  expect(tcpInfo(socket).state).toMatch(/established|close-wait/)
  expect((await socket.toArray()).join('')).toBe('sni www.server.test, alpn http/1.1')
})

test('to an address: no server name is sent, and the certificate must be for the address', async () => {
  const port = await serve()
  const socket = await connectTls({ host: '127.0.0.1', port, ca })
  expect((await socket.toArray()).join('')).toBe('sni none, alpn none')
  await expect(connectTls({ host: '127.0.0.2', port, ca })).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

test('servername overrides the host', async () => {
  const socket = await connectTls({ host: '127.0.0.1', port: await serve(), ca, servername: 'server.test' })
  expect((await socket.toArray()).join('')).toContain('sni server.test')
})

describe('a certificate that is rejected', () => {
  test.each([
    ['expired', { ca }, 'CERT_HAS_EXPIRED', /the certificate expired on 2021-01-01 00:00:00 UTC \(localhost/, /clock/],
    [
      'wrong-name',
      { ca },
      'ERR_TLS_CERT_ALTNAME_INVALID',
      /the certificate is for elsewhere\.example, not for localhost \(/,
      /captive portal.*"servername"/,
    ],
    ['server', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', /nobody trusted here .* CN=netvia test CA did/, /"ca"/],
  ])('%s %o', async (certificate, options, code, message, hint) => {
    const port = await serve(certificate)
    const before = await openSockets()
    const error = await connectTls({ host: 'localhost', port, device: 'lo', ...options }).catch(error => error)
    expect(error).toMatchObject({
      name: 'NetviaError',
      code,
      port,
      hostname: 'localhost',
      address: '127.0.0.1',
      device: 'lo',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
    if (code !== 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') expect(error.hint).not.toContain('"ca"')
    expect(await openSockets()).toBe(before)
  })

  test("by the caller's own checkServerIdentity, also if it throws", async () => {
    const port = await serve()
    const before = await openSockets()
    const refusals = [
      () => new Error('not mine'),
      () => {
        throw new Error('not mine')
      },
    ]
    for (const checkServerIdentity of refusals) {
      await expect(connectTls({ host: '127.0.0.1', port, ca, checkServerIdentity })).rejects.toMatchObject({
        name: 'NetviaError',
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
        message: expect.stringContaining('not mine'),
        hostname: '127.0.0.1',
      })
    }
    expect(await openSockets()).toBe(before)
  })

  test("by name: the error has the certificate and its issuer, like Node's own", async () => {
    const port = await serve()
    const { cause } = await connectTls({ host: '127.0.0.2', port, ca }).catch(error => error)
    expect(cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: '127.0.0.2' })
    expect(cause.cert).toMatchObject({ subject: {}, issuerCertificate: { subject: { CN: 'netvia test CA' } } })
    expect(Object.getOwnPropertyDescriptor(cause.cert, 'issuerCertificate')).toHaveProperty('value')
  })

  test('by a replaced tls.checkServerIdentity, which sees the issuers', async () => {
    const port = await serve()
    vi.spyOn(tls, 'checkServerIdentity').mockImplementation((_host, certificate) => {
      const { issuerCertificate } = certificate as tls.DetailedPeerCertificate
      return new Error(`issued by ${issuerCertificate.subject.CN}`)
    })
    closers.push(() => vi.restoreAllMocks())
    await expect(connectTls({ host: '127.0.0.1', port, ca })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      cause: { message: 'issued by netvia test CA' },
    })
  })

  test('but is accepted with rejectUnauthorized: false', async () => {
    const socket = await connectTls({ host: 'localhost', port: await serve('expired'), rejectUnauthorized: false })
    expect(socket.authorized).toBe(false)
    socket.destroy()
  })
})

test('a peer that does not speak TLS, or hangs up', async () => {
  const hangUp = createPlainServer(socket => void socket.on('error', () => {}).end())
  const http = createPlainServer(socket => void socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  for (const [server, message, hint] of [
    [hangUp, /^TLS handshake ECONNRESET: [^\n]*$/, undefined],
    [
      http,
      /^TLS handshake ERR_SSL_\w+: the other end does not speak TLS \(127\.0\.0\.1, 127\.0\.0\.1\); is it/,
      expect.stringContaining('right port'),
    ],
  ] as const) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => server.close())
    const { port } = server.address() as { port: number }
    const error = await connectTls({ host: '127.0.0.1', port }).catch(error => error)
    expect(error).toMatchObject({ name: 'NetviaError', port, address: '127.0.0.1', syscall: 'TLS handshake' })
    expect(error.message).toMatch(message)
    expect(error.hint).toEqual(hint)
  }
})

test('the time limit covers the handshake', async () => {
  const port = await silent()
  const before = await openSockets()
  await expect(connectTls({ host: '127.0.0.1', port, timeout: 100 })).rejects.toMatchObject({
    code: 'ETIMEDOUT',
    address: '127.0.0.1',
    hint: expect.stringContaining('TLS handshake took longer than 100 ms'),
  })
  expect(await openSockets()).toBe(before)
})

test('aborting during the handshake rejects immediately, and nothing stays open', async () => {
  const port = await silent()
  await expectPromptAbort(signal => connectTls({ host: '127.0.0.1', port, device: 'lo', signal }))
})

test('invalid options are refused by name', async () => {
  const refused = (options: object) =>
    expect(connectTls(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  await refused({ host: 'x', port: 1, alpn: 'h2' })
  await refused({ host: 'x', port: 1, socket: {} })
  await refused({ host: 'x', port: 1, rejectUnauthorized: 'no' })
  await refused({ host: 'x' })
})

test.each<[string, unknown]>([
  ['ALPNProtocols', ['']],
  ['ALPNProtocols', ['h2', 'x'.repeat(256)]],
  ['ALPNProtocols', Array.from({ length: 300 }, () => 'x'.repeat(255))],
  ['ALPNProtocols', ['h2', 5]],
  ['ALPNProtocols', 'h2'],
  ['ALPNProtocols', Buffer.from('h2')],
  ['ALPNProtocols', Buffer.from('\x02h2\0')],
  ['servername', 'a\0b'],
  ['servername', 5],
  ['minDHSize', 0],
])('%s of %j is refused before it reaches Node, which might crash', async (name, value) => {
  const options = { rejectUnauthorized: false, [name]: value } as object
  const refused = expect.objectContaining({ name: 'NetviaError', code: 'ERR_INVALID_ARG_VALUE' })
  const port = await serve()
  await expect(connectTls({ host: '127.0.0.1', port, ...options })).rejects.toEqual(refused)
  await expect(checkHttp(`https://127.0.0.1:${port}/`, { tls: options })).rejects.toEqual(refused)
  expect(() => new HttpsAgent(options)).toThrow(refused)
})

test('ALPN protocols are a list of names, or encoded', async () => {
  const port = await serve('server', { ALPNProtocols: ['h2'] })
  for (const ALPNProtocols of [['h2', 'http/1.1'], Buffer.from('\x02h2'), [], new Uint8Array()]) {
    const socket = await connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols })
    expect(socket.alpnProtocol).toBe(ALPNProtocols.length > 0 && 'h2')
    socket.destroy()
  }
})

test('TLS options that Node rejects leave nothing open', async () => {
  const port = await silent()
  const before = await openSockets()
  await expect(connectTls({ host: '127.0.0.1', port, minVersion: 'TLSv9' as never })).rejects.toMatchObject({
    code: 'ERR_TLS_INVALID_PROTOCOL_VERSION',
  })
  expect(await openSockets()).toBe(before)
})

test('a connection that is reset without an error listener does not end the process', async () => {
  const thrown = uncaught()
  const behind = createServer({ cert: file('server.pem'), key: file('server.key') }, socket => {
    socket.on('error', () => {}).write('x')
  })
  await once(behind.listen(0, '127.0.0.1'), 'listening')
  const clients: Socket[] = []
  const server = createPlainServer(client => {
    clients.push(client.on('error', () => {}))
    client.pipe(createConnection((behind.address() as { port: number }).port).on('error', () => {})).pipe(client)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(
    () => behind.close(),
    () => server.close(),
  )
  const { port } = server.address() as { port: number }
  const secure = await connectTls({ host: '127.0.0.1', port, ca, rejectUnauthorized: false })
  // The server's session tickets arrive before the data.
  await once(secure, 'data')
  for (const client of clients) client.resetAndDestroy()
  await new Promise(resolve => secure.on('close', resolve))
  expect(secure.errored).toMatchObject({ code: 'ECONNRESET' })
  expect(thrown).toEqual([])
})
