import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import zlib, { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { checkHttp } from '../../src/checks/http/check-http.js'
import type { HttpCheckOptions } from '../../src/checks/http/options.js'
import { ca, closedPort, httpServer, httpsServer, silentUdpPort, tcpServer } from './http-servers.js'
import { openSockets } from './open-sockets.js'
import { expectPromptAbort } from './prompt-abort.js'

const device = 'lo'

async function checkServer(listener: RequestListener, options: HttpCheckOptions = {}, path = '/') {
  return checkHttp(`http://127.0.0.1:${await httpServer(listener)}${path}`, { device, ...options })
}

function answer(status: number, body = 'fine', headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => response.writeHead(status, headers).end(body)
}

/** Starts a server that answers each request with exactly these bytes, and closes the connection. */
async function saying(...parts: (string | Buffer)[]): Promise<string> {
  const port = await tcpServer(socket => {
    socket.once('data', () => {
      for (const part of parts) socket.write(part)
      socket.end()
    })
  })
  return `http://127.0.0.1:${port}/`
}

describe('status', () => {
  test('200: all fields of the result', async () => {
    const result = await checkServer(answer(200, 'x'.repeat(100_000)))
    expect(result).toMatchObject({
      ...{ ok: true, status: 200, redirects: 0, bytes: 100_000, error: undefined },
      ...{ localAddress: '127.0.0.1', remoteAddress: '127.0.0.1', device: 'lo' },
    })
    expect(result).not.toHaveProperty('certificate')
    const { dnsMs, connectMs, tlsMs, firstByteMs, totalMs } = result.timings
    expect(tlsMs).toBe(0)
    expect(connectMs).toBeGreaterThan(0)
    expect(firstByteMs).toBeGreaterThan(0)
    expect(dnsMs).toBe(0)
    expect(dnsMs! + connectMs! + firstByteMs!).toBeLessThanOrEqual(result.latencyMs!)
    expect(result.latencyMs).toBeLessThanOrEqual(totalMs)
  })

  test('without a device it is not bound', async () => {
    const result = await checkServer(answer(200), { device: undefined })
    expect(result).toMatchObject({ ok: true, device: undefined, localAddress: '127.0.0.1' })
  })

  test.each([204, 304])('%i: no body', async status => {
    expect(await checkServer((_request, response) => response.writeHead(status).end())).toMatchObject({
      ...{ ok: true, status, bytes: 0 },
    })
  })

  test.each([404, 500])('%i is not expected', async status => {
    const result = await checkServer(answer(status))
    expect(result).toMatchObject({ ok: false, status, error: { code: 'ERR_HTTP_STATUS', name: 'NetviaError' } })
    expect(result.latencyMs).toBeGreaterThan(0)
  })

  test('expectStatus: a range, a number', async () => {
    expect(await checkServer(answer(404), { expectStatus: [404, 410] })).toMatchObject({ ok: true, status: 404 })
    expect(await checkServer(answer(404), { expectStatus: 404 })).toMatchObject({ ok: true })
    expect(await checkServer(answer(200), { expectStatus: [201, 299] })).toMatchObject({ ok: false, status: 200 })
    expect(await checkServer(answer(200), { expectStatus: 204 })).toMatchObject({
      ok: false,
      error: { message: 'the status is 200, expected 204' },
    })
  })

  test('HEAD has no body', async () => {
    const result = await checkServer(answer(200, 'twelve bytes'), { method: 'head' })
    expect(result).toMatchObject({ ok: true, bytes: 0 })
  })

  test('the request: method, path, headers, credentials of the url', async () => {
    let seen: { method?: string; url?: string; headers?: object } = {}
    const port = await httpServer((request, response) => {
      seen = { method: request.method, url: request.url, headers: request.headers }
      response.end()
    })
    const headers = { 'X-Token': 'abc', 'User-Agent': 'me' }
    await checkHttp(`http://user:p%40ss@127.0.0.1:${port}/a?b=c#d`, { device, method: 'POST', headers })
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/a?b=c',
      headers: {
        ...{ host: `127.0.0.1:${port}`, 'x-token': 'abc', 'user-agent': 'me' },
        authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
        connection: 'close',
      },
    })
  })
})

describe('redirects', () => {
  const chain: RequestListener = (request, response) => {
    const left = Number(request.url!.slice(1))
    if (left > 0) response.writeHead(301, { location: `/${left - 1}` }).end('moved')
    else response.end(`${request.method} arrived`)
  }

  test('301 followed, with the timings of both requests', async () => {
    const result = await checkServer(chain, { expectBody: 'GET arrived' }, '/1')
    expect(result).toMatchObject({ ok: true, status: 200, redirects: 1, bytes: 11 })
  })

  test('an unfollowed 301 is judged by its own status', async () => {
    expect(await checkServer(chain, { maxRedirects: 0 }, '/1')).toMatchObject({ ok: true, status: 301, redirects: 0 })
    expect(await checkServer(chain, { maxRedirects: 0, expectStatus: 200 }, '/1')).toMatchObject({
      ok: false,
      status: 301,
    })
  })

  test('as many as allowed, and one too many', async () => {
    expect(await checkServer(chain, {}, '/5')).toMatchObject({ ok: true, redirects: 5 })
    expect(await checkServer(chain, {}, '/6')).toMatchObject({
      ...{ ok: false, status: 301, redirects: 5, error: { code: 'ERR_HTTP_REDIRECT' } },
    })
  })

  test('a 303 changes POST to GET, a 307 does not', async () => {
    const see =
      (status: number): RequestListener =>
      (request, response) =>
        request.url === '/' ? response.writeHead(status, { location: '/there' }).end() : response.end(request.method)
    expect(await checkServer(see(303), { method: 'POST', expectBody: /^GET$/ })).toMatchObject({ ok: true })
    expect(await checkServer(see(302), { method: 'POST', expectBody: /^GET$/ })).toMatchObject({ ok: true })
    expect(await checkServer(see(307), { method: 'POST', expectBody: /^POST$/ })).toMatchObject({ ok: true })
    expect(await checkServer(see(303), { method: 'HEAD' })).toMatchObject({ ok: true, status: 200 })
  })

  test.each(['ftp://127.0.0.1/secret', 'file:///etc/passwd', 'http://[secret'])('to %s is an error', async location => {
    const { ok, error } = await checkServer(answer(302, '', { location }))
    expect({ ok, code: error!.code }).toEqual({ ok: false, code: 'ERR_HTTP_REDIRECT' })
    expect(error!.message).not.toContain('secret')
  })

  test.each([
    ['raw UTF-8', Buffer.from('/grün?straße=ß').toString('latin1')],
    ['percent-encoded', '/gr%C3%BCn?stra%C3%9Fe=%C3%9F'],
  ])('to a location in %s', async (_what, location) => {
    const port = await httpServer((request, response) => {
      if (request.url === '/') response.writeHead(302, { location }).end()
      else response.end(request.url)
    })
    const url = `http://127.0.0.1:${port}/`
    const expectBody = '/gr%C3%BCn?stra%C3%9Fe=%C3%9F'
    expect(await checkHttp(url, { expectBody })).toMatchObject({ ok: true, redirects: 1 })
    expect(await (await fetch(url)).text()).toBe(expectBody)
  })

  test('credentials are not sent from https to http on the same host', async () => {
    const seen: string[][] = []
    const plain = await httpServer((request, response) => {
      seen.push(Object.keys(request.headers))
      response.end()
    })
    const port = await httpsServer((_request, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${plain}/` }).end(),
    )
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'proxy-authorization': 'Basic x' }
    expect(await checkHttp(`https://me:secret@127.0.0.1:${port}/`, { tls: { ca }, headers })).toMatchObject({
      ok: true,
    })
    expect(seen.flat().filter(name => /auth|cookie/.test(name))).toEqual([])
  })

  test('credentials stay with their origin', async () => {
    const seen: string[][] = []
    const port = await httpServer((request, response) => {
      seen.push(Object.keys(request.headers))
      response.end()
    })
    const headers = { authorization: 'Bearer x', cookie: 'a=b', host: 'other.test', 'x-mine': '1' }
    const location = `http://127.0.0.1:${port}/`
    await checkServer(answer(302, '', { location }), { headers })
    expect(seen[0]).toContain('x-mine')
    expect(seen[0]).not.toContain('authorization')
    expect(seen[0]).not.toContain('cookie')
    const own = await httpServer((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/next' }).end()
      else response.writeHead(request.headers.authorization ? 200 : 401).end()
    })
    expect(await checkHttp(`http://me:secret@127.0.0.1:${own}/`, { device })).toMatchObject({
      status: 200,
      redirects: 1,
    })
  })

  test('credentials of the url are kept for an absolute location of the same origin', async () => {
    const port = await httpServer((request, response) => {
      const location = `http://${request.headers.host}/next`
      if (request.url === '/') response.writeHead(302, { location }).end()
      else response.writeHead(request.headers.authorization ? 200 : 401).end()
    })
    const result = await checkHttp(`http://me:secret@127.0.0.1:${port}/`, { device })
    expect(result).toMatchObject({ status: 200, redirects: 1 })
  })

  test('the servername applies only to the first origin', async () => {
    const seen: unknown[] = []
    const other = await httpsServer((request, response) => {
      seen.push((request.socket as TLSSocket).servername)
      response.end()
    })
    const port = await httpsServer((request, response) => {
      seen.push((request.socket as TLSSocket).servername)
      response.writeHead(302, { location: `https://127.0.0.1:${other}/` }).end()
    })
    const tls = { ca, servername: 'server.test' }
    expect(await checkHttp(`https://127.0.0.1:${port}/`, { device, tls })).toMatchObject({ ok: true, redirects: 1 })
    expect(seen).toEqual(['server.test', false])
  })
})

describe('the body', () => {
  const encoders = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }

  test.each(Object.entries(encoders))('%s is decoded', async (coding, encode) => {
    const body = encode(`${'padding '.repeat(1000)} all is well`)
    const listener: RequestListener = (_request, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body)
    const result = await checkServer(listener, { expectBody: 'all is well' })
    expect(result).toMatchObject({ ok: true, bytes: body.length })
    expect(await checkServer(listener, { expectBody: 'not there' })).toMatchObject({
      ok: false,
      error: { code: 'ERR_HTTP_BODY' },
    })
  })

  test.each<[string, string, (text: string) => Buffer | string]>([
    ['raw deflate', 'deflate', deflateRawSync],
    ['upper case and spaces', '  GZip ', gzipSync],
    ['an empty header', '', text => text],
    ['only commas', ' , ', text => text],
    ['two codings', 'deflate, gzip', text => gzipSync(deflateSync(text))],
    ['three codings', 'br, deflate, x-gzip', text => gzipSync(deflateRawSync(brotliCompressSync(text)))],
    ['two members', 'gzip', text => Buffer.concat([gzipSync(text.slice(0, 5)), gzipSync(text.slice(5))])],
    ['a charset instead of a coding', 'utf-8', text => text],
  ])('%s is read as fetch reads it', async (_what, coding, encode) => {
    const body = encode('all is well')
    const port = await httpServer((_request, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body),
    )
    const url = `http://127.0.0.1:${port}/`
    expect(await checkHttp(url, { expectBody: /^all is well$/ })).toMatchObject({ ok: true })
    expect(await (await fetch(url)).text()).toBe('all is well')
  })

  test.each([
    ['location', 302, `${'a'.repeat(9000)}://x`],
    ['content-encoding', 200, 'b'.repeat(9000)],
  ])('a long %s is not repeated in the error', async (header, status, value) => {
    const { error } = await checkServer(answer(status, 'hello', { [header]: value }), { expectBody: 'other' })
    expect(error?.message.length).toBeLessThan(500)
  })

  // Defined only if Node supports it, because CI counts skipped tests as failed.
  if ('zstdCompressSync' in zlib) {
    test('zstd', async () => {
      const { zstdCompressSync } = zlib as unknown as { zstdCompressSync(text: string): Buffer }
      const listener: RequestListener = (_request, response) =>
        response.writeHead(200, { 'content-encoding': 'zstd' }).end(zstdCompressSync('all is well'))
      expect(await checkServer(listener, { expectBody: /^all is well$/ })).toMatchObject({ ok: true })
    })
  }

  test.each(['gzip', 'deflate', 'br'])('nothing at all, said to be %s', async coding => {
    const listener = answer(200, '', { 'content-encoding': coding })
    expect(await checkServer(listener, { expectBody: /^$/ })).toMatchObject({ ok: true, bytes: 0 })
  })

  test('identity in a list, which fetch rejects', async () => {
    const body = gzipSync('all is well') as unknown as string
    const listener = answer(200, body, { 'content-encoding': 'identity, gzip' })
    expect(await checkServer(listener, { expectBody: /^all is well$/ })).toMatchObject({ ok: true })
  })

  test('more codings than any real server uses', async () => {
    const listener = answer(200, 'x', { 'content-encoding': 'gzip, gzip, gzip, gzip, gzip, gzip' })
    expect(await checkServer(listener, { expectBody: 'x' })).toMatchObject({ error: { code: 'ERR_HTTP_BODY' } })
  })

  test('chunked', async () => {
    const result = await checkServer(
      (_request, response) => {
        response.write('all is ')
        response.end('well')
      },
      { expectBody: 'all is well' },
    )
    expect(result).toMatchObject({ ok: true, bytes: 11 })
  })

  test('a pattern with stateful flags', async () => {
    const expectBody = /well/g
    for (let i = 0; i < 2; i++)
      expect(await checkServer(answer(200, 'all is well'), { expectBody })).toMatchObject({ ok: true })
  })

  test("in the server's charset", async () => {
    const body = Buffer.from('grün', 'latin1') as unknown as string
    const headers = { 'content-type': 'text/plain; charset="ISO-8859-1"' }
    expect(await checkServer(answer(200, body, headers), { expectBody: 'grün' })).toMatchObject({ ok: true })
  })

  test('where the global object has no TextDecoder, as in jsdom', async () => {
    vi.stubGlobal('TextDecoder', undefined)
    onTestFinished(() => void vi.unstubAllGlobals())
    expect(await checkServer(answer(200, 'all is well'), { expectBody: 'well' })).toMatchObject({ ok: true })
  })

  const marked = (mark: string, charset: BufferEncoding, text: string) =>
    Buffer.concat([Buffer.from(mark, 'hex'), Buffer.from(text, charset)])
  test.each([
    ['little-endian UTF-16', marked('fffe', 'utf16le', 'grün'), 'text/plain'],
    ['big-endian UTF-16', marked('fffe', 'utf16le', 'grün').swap16(), 'text/plain'],
    ['UTF-8, whatever the charset', marked('efbbbf', 'utf8', 'grün'), 'text/plain; charset=iso-8859-1'],
    ['UTF-16, whatever the charset', marked('fffe', 'utf16le', 'grün'), 'text/plain; charset=utf-8'],
    ['no mark and an unknown charset', Buffer.from('grün'), 'text/plain; charset=nosuch'],
  ])('with a byte order mark: %s', async (_what, bytes, type) => {
    const body = bytes as unknown as string
    const headers = { 'content-type': type }
    expect(await checkServer(answer(200, body, headers), { expectBody: /^grün$/ })).toMatchObject({ ok: true })
  })

  test('1 GB is not downloaded', async () => {
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024)
    const listener: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-length': String(2 ** 30) })
      const go = () => {
        while (sent < 2 ** 30 && !response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return response.once('drain', go)
        }
      }
      go()
    }
    const result = await checkServer(listener)
    expect(result).toMatchObject({ ok: true, bytes: 1024 * 1024 })
    expect(sent).toBeLessThan(64 * 2 ** 20)
    expect(await checkServer(listener, { expectBody: 'x', maxBodyBytes: 1000 })).toMatchObject({
      ...{ ok: false, bytes: 1000, error: { code: 'ERR_HTTP_BODY' } },
    })
  })

  test('compressed data that is cut off is decoded as far as possible', async () => {
    const body = gzipSync(Buffer.concat([Buffer.from('all is well'), randomBytes(100_000)]))
    const listener: RequestListener = (_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(body)
    const options = { expectBody: 'all is well', maxBodyBytes: 50_000 }
    expect(await checkServer(listener, options)).toMatchObject({ ok: true, bytes: 50_000 })
  })

  test('a decompression bomb is limited', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 2 ** 20))
    const before = process.memoryUsage.rss()
    const result = await checkServer(
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
      { expectBody: 'x' },
    )
    expect(result).toMatchObject({ ok: false, error: { code: 'ERR_HTTP_BODY' } })
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20)
  })

  test('broken gzip, unknown encoding', async () => {
    const broken = answer(200, 'no gzip', { 'content-encoding': 'gzip' })
    expect(await checkServer(broken, { expectBody: 'x' })).toMatchObject({ ok: false, error: { code: 'Z_DATA_ERROR' } })
    expect(await checkServer(broken)).toMatchObject({ ok: true })
    const unknown = answer(200, 'x', { 'content-encoding': 'rot13' })
    expect(await checkServer(unknown, { expectBody: 'y' })).toMatchObject({
      ok: false,
      error: { code: 'ERR_HTTP_BODY', message: expect.stringContaining('"rot13"') },
    })
  })

  test('maxBodyBytes 0 does not wait for the body', async () => {
    const headerOnly: RequestListener = (_request, response) => response.writeHead(200).flushHeaders()
    expect(await checkServer(headerOnly, { maxBodyBytes: 0 })).toMatchObject({ ok: true, bytes: 0 })
  })

  test.each([
    ['with the header', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n']],
    ['after a valid one', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n', 'no size\r\n']],
  ])('an invalid chunk, %s, does not count as a broken connection', async (_when, said) => {
    const result = await checkHttp(await saying(...said), { device })
    expect(result).toMatchObject({ ok: false, status: 200, error: { code: 'HPE_INVALID_CHUNK_SIZE' } })
  })

  test.each([
    ['no content', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 204],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nand more', 200],
  ])('bytes after %s do no harm', async (_what, said, status) => {
    expect(await checkHttp(await saying(said), { device })).toMatchObject({ ok: true, status })
  })

  test('cut off in the middle', async () => {
    const url = await saying('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this')
    expect(await checkHttp(url, { device })).toMatchObject({ ok: false, status: 200, error: { code: 'ECONNRESET' } })
  })
})

describe('servers that are slow, old or broken', () => {
  test('slow header', async () => {
    const result = await checkServer(() => {}, { timeout: 100 })
    expect(result).toMatchObject({ ok: false, status: undefined, latencyMs: undefined, error: { code: 'ETIMEDOUT' } })
    expect(result.error!.message).toMatch(/response not done after 100 ms/)
    expect(result.timings.firstByteMs).toBeUndefined()
    expect(result.timings.connectMs).toBeGreaterThan(0)
    expect(result.timings.totalMs).toBeGreaterThanOrEqual(99)
  })

  test('slow body', async () => {
    const drip: RequestListener = (_request, response) => {
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
    }
    const result = await checkServer(drip, { timeout: 200 })
    expect(result).toMatchObject({ ok: false, status: 200, error: { code: 'ETIMEDOUT' } })
    expect(result.error!.message).toMatch(/body not done/)
    expect(result.latencyMs).toBeLessThan(result.timings.totalMs)
  })

  test('refused', async () => {
    const result = await checkHttp(`http://127.0.0.1:${closedPort}/`, { device })
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'ECONNREFUSED', name: 'NetviaError' },
      remoteAddress: undefined,
    })
  })

  test('reset', async () => {
    const port = await tcpServer(socket => socket.once('data', () => socket.resetAndDestroy()))
    expect(await checkHttp(`http://127.0.0.1:${port}/`, { device })).toMatchObject({
      ok: false,
      error: { code: 'ECONNRESET' },
    })
  })

  test('closes without an answer', async () => {
    expect(await checkHttp(await saying(), { device })).toMatchObject({ ok: false, error: { code: 'ECONNRESET' } })
  })

  test('HTTP/1.0', async () => {
    const url = await saying('HTTP/1.0 200 OK\r\n\r\nall is well')
    expect(await checkHttp(url, { device, expectBody: 'all is well' })).toMatchObject({
      ok: true,
      status: 200,
      bytes: 11,
    })
  })

  test('an early 103 is not the answer', async () => {
    const url = await saying('HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    expect(await checkHttp(url, { device })).toMatchObject({ ok: true, status: 200 })
  })

  test('an unsolicited 101', async () => {
    const url = await saying('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    expect(await checkHttp(url, { device })).toMatchObject({
      ok: false,
      status: 101,
      error: { code: 'ERR_HTTP_STATUS' },
    })
    expect(await checkHttp(url, { device, expectStatus: 101 })).toMatchObject({ ok: true, status: 101 })
  })

  test('no HTTP at all', async () => {
    const { ok, error } = await checkHttp(await saying('220 mail.test ESMTP\r\n'), { device })
    expect({ ok, code: error!.code }).toEqual({ ok: false, code: 'HPE_INVALID_CONSTANT' })
  })

  test('an endless header', async () => {
    const url = await saying(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`)
    expect(await checkHttp(url, { device })).toMatchObject({ ok: false, error: { code: 'HPE_HEADER_OVERFLOW' } })
  })

  test('a name that does not exist', async () => {
    const result = await checkHttp('http://nothing.invalid/', { device, servers: ['127.0.0.1:1'], timeout: 300 })
    expect(result).toMatchObject({ ok: false, error: { name: 'NetviaError' } })
    expect(result.timings.dnsMs).toBeUndefined()
  })
})

describe('TLS', () => {
  test('a good certificate', async () => {
    const port = await httpsServer(answer(200))
    const result = await checkHttp(`https://localhost:${port}/`, { device, tls: { ca }, family: 4 })
    expect(result).toMatchObject({ ok: true, status: 200, certificate: { subject: 'CN=server.test' } })
    expect(result.certificate!.validTo).toEqual(new Date('2120-01-01T00:00:00Z'))
    expect(result.certificate!.daysLeft).toBeGreaterThan(30_000)
    expect(result.timings.tlsMs).toBeGreaterThan(0)
  })

  test('an address is accepted if the certificate has it', async () => {
    const port = await httpsServer(answer(200))
    expect(await checkHttp(`https://127.0.0.1:${port}/`, { device, tls: { ca } })).toMatchObject({ ok: true })
  })

  test.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('%s: rejected, nothing is sent, and the certificate is reported', async (certificate, code) => {
    let requests = 0
    const port = await httpsServer(() => requests++, certificate)
    const result = await checkHttp(`https://127.0.0.1:${port}/`, { device, tls: { ca } })
    expect(result).toMatchObject({ ok: false, status: undefined, error: { code, name: 'NetviaError' } })
    expect(result.certificate!.daysLeft < 0).toBe(certificate === 'expired')
    expect(requests).toBe(0)
  })

  test('from an unknown issuer, accepted on request', async () => {
    const port = await httpsServer(answer(200))
    const unknown = await checkHttp(`https://127.0.0.1:${port}/`, { device })
    expect(unknown).toMatchObject({ ok: false, error: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' } })
    const accepted = await checkHttp(`https://127.0.0.1:${port}/`, { device, tls: { rejectUnauthorized: false } })
    expect(accepted).toMatchObject({ ok: true, certificate: { subject: 'CN=server.test' } })
  })

  test('no TLS on the port', async () => {
    const port = await httpServer(answer(200))
    const { ok, error } = await checkHttp(`https://127.0.0.1:${port}/`, { device })
    expect({ ok, code: error!.code }).toEqual({ ok: false, code: 'ERR_SSL_WRONG_VERSION_NUMBER' })
  })
})

describe('local errors reject', () => {
  const url = 'http://127.0.0.1:1/'

  test.each<[string, unknown, object]>([
    ['unknown option', url, { devise: 'lo' }],
    ['method', url, { method: 'CONNECT' }],
    ['method with a line break', url, { method: 'GET /\r\n' }],
    ['reversed expectStatus', url, { expectStatus: [399, 200] }],
    ['expectStatus', url, { expectStatus: [200] }],
    ['expectBody', url, { expectBody: 5 }],
    ['empty expectBody', url, { expectBody: 'x', maxBodyBytes: 0 }],
    ['headers', url, { headers: { x: 'secret\r\ny: z' } }],
    ['headers', url, { headers: { x: null } }],
    ['headers', url, { headers: { x: ['y', { secret: 1 }] } }],
    ['unknown tls option', url, { tls: { host: 'x' } }],
    ['tls', url, { tls: { cert: 'secret' } }],
    ['url', 'http://secret:secret@', {}],
    ['scheme', 'ftp://secret@127.0.0.1/', {}],
    ['timeout', url, { timeout: -1 }],
  ])('%s', async (_what, target, options) => {
    const error = await checkHttp(target as string, options).then(
      () => undefined,
      error => error,
    )
    expect(error).toMatchObject({ name: 'NetviaError', code: 'ERR_INVALID_ARG_VALUE' })
    expect(String(error.stack)).not.toContain('secret')
  })

  test('no such device', async () => {
    await expect(checkHttp(url, { device: 'nosuch0' })).rejects.toMatchObject({ code: 'ENODEV', device: 'nosuch0' })
  })
})

describe('abort', () => {
  const silent = () => tcpServer(socket => void socket.resume())
  const stages: Record<string, () => Promise<[url: string, options?: HttpCheckOptions]>> = {
    'during DNS': async () => ['http://name.test/', { servers: [`127.0.0.1:${await silentUdpPort()}`] }],
    'during TLS': async () => [`https://127.0.0.1:${await silent()}/`],
    'during the header': async () => [`http://127.0.0.1:${await silent()}/`],
    'during the body': async () => [
      `http://127.0.0.1:${await httpServer((_request, response) => response.write('x'))}/`,
    ],
    'during a compressed body': async () => {
      const part = gzipSync(Buffer.alloc(1000)).subarray(0, 15)
      const port = await httpServer((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).write(part)
      })
      return [`http://127.0.0.1:${port}/`, { expectBody: 'x' }]
    },
  }

  test.each(Object.entries(stages))(
    '%s: rejects with the reason immediately, and nothing stays open',
    async (_stage, make) => {
      const [url, options] = await make()
      await expectPromptAbort(signal => checkHttp(url, { device: 'lo', ...options, signal }))
    },
  )

  test('before', async () => {
    const reason = new Error('never')
    await expect(checkHttp('http://127.0.0.1:1/', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('with a reason that looks like a network error', async () => {
    const controller = new AbortController()
    const url = `http://127.0.0.1:${await silent()}/`
    const check = checkHttp(url, { device, signal: controller.signal }).catch(error => error)
    await sleep(20)
    const reason = Object.assign(new Error('looks like one'), { code: 'ECONNRESET' })
    controller.abort(reason)
    expect(await check).toBe(reason)
  })
})

test('checks leave nothing open', async () => {
  const port = await httpServer(answer(200))
  await checkHttp(`http://127.0.0.1:${port}/`, { device })
  await sleep(20)
  const before = await openSockets()
  for (let i = 0; i < 20; i++) await checkHttp(`http://127.0.0.1:${port}/`, { device })
  await sleep(20)
  expect(await openSockets()).toBe(before)
})
