import { connect } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { nodeHttp } from '../../src/builtins.js'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { brokenAnswers, ca, type Secure, serving, tcpServer } from './http-servers.js'
import { openSockets } from './open-sockets.js'

const device = 'lo'
const tls = { ca }
const ok = 'HTTP/1.1 200 OK\r\n'

afterEach(() => void vi.restoreAllMocks())

describe.each<Secure>([{ maxVersion: 'TLSv1.2' }, { maxVersion: 'TLSv1.3' }])('a check over HTTPS, %o', secure => {
  test.each([
    ['an answer', [`${ok}content-length: 11\r\n\r\nall is well`]],
    ['a body in pieces', [`${ok}content-length: 11\r\n\r\n`, 'all is', ' well and more']],
  ])("%s does not use Node's client", async (_what, parts) => {
    const request = vi.spyOn(nodeHttp().ClientRequest.prototype, 'onSocket')
    const { url } = await serving(parts, secure)
    const result = await checkHttp(url, { device, tls, expectBody: /^all is well$/ })
    expect(result).toMatchObject({
      ok: true,
      status: 200,
      bytes: 11,
      device,
      certificate: { subject: 'CN=server.test' },
    })
    expect(request).not.toHaveBeenCalled()
  })

  test.each([
    ['a header in pieces', [ok, 'content-length: 11\r\n', '\r\nall is', ' well']],
    ['a body without a length', [`${ok}\r\n`, 'all is', ' well']],
    ['chunks', [`${ok}transfer-encoding: chunked\r\n\r\n`, '4\r\nall \r\n', '7;a=b\r\nis well\r\n0\r\nx: y\r\n\r\n']],
    ['early hints', ['HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', `${ok}content-length: 11\r\n\r\nall is well`]],
  ])('%s: left to Node, and requested once', async (_what, parts) => {
    const request = vi.spyOn(nodeHttp().ClientRequest.prototype, 'onSocket')
    const { url, requests } = await serving(parts, secure)
    const result = await checkHttp(url, { device, tls, expectBody: /^all is well$/ })
    expect(result).toMatchObject({ ok: true, bytes: 11 })
    expect(request).toHaveBeenCalledTimes(1)
    expect(requests).toHaveLength(1)
  })

  test.each(brokenAnswers)('%s', async (_what, parts, status, message) => {
    const { url } = await serving(parts, secure)
    const { error, ...result } = await checkHttp(url, { device, tls })
    expect(result).toMatchObject({ ok: false, status, remoteAddress: '127.0.0.1' })
    expect(error).toMatchObject({ name: 'NetviaError', code: 'ECONNRESET', message, device })
  })

  test.each(['reset', 'reset behind it'])('a body without a length, and a %s: incomplete', async reset => {
    const { url } = await serving([`${ok}\r\n`, 'only this', reset], secure)
    const { ok: passed, error } = await checkHttp(url, { device, tls, expectBody: 'only this' })
    expect(passed).toBe(false)
    expect(error).toMatchObject({ code: 'ECONNRESET', message: 'aborted', device })
  })

  test('a server that requires a client certificate', async () => {
    const { url, requests } = await serving([`${ok}content-length: 0\r\n\r\n`], { ...secure, requestCert: true })
    const { error } = await checkHttp(url, { device, tls })
    expect(error).toMatchObject({
      syscall: 'TLS handshake',
      message: expect.stringMatching(/wants? a client certificate/),
    })
    expect(requests).toEqual([])
  })

  test('reads no more of a body than requested, and leaves nothing open', async () => {
    const { url } = await serving([`${ok}content-length: 100000000\r\n\r\n${'x'.repeat(1_000_000)}`], secure)
    const before = await openSockets()
    const result = await checkHttp(url, { device, tls, maxBodyBytes: 70_000 })
    expect(result).toMatchObject({ ok: true, bytes: 70_000 })
    expect(await openSockets()).toBe(before)
  })
})

test('a check ends with close_notify: the last record is an alert', async () => {
  const { url, port } = await serving([`${ok}content-length: 0\r\n\r\n`], { maxVersion: 'TLSv1.2' })
  const sent: Buffer[] = []
  const through = await tcpServer(client => {
    const server = connect(port, '127.0.0.1')
    server.pipe(client.on('data', data => sent.push(data))).pipe(server)
  })
  expect(await checkHttp(url.replace(`${port}`, `${through}`), { device, tls })).toMatchObject({ ok: true })
  await expect.poll(() => lastRecord(Buffer.concat(sent)), { timeout: 10_000 }).toBe(21)
})

/** The type of the last TLS record (RFC 5246 section 6.2.1). */
function lastRecord(bytes: Buffer): number {
  let at = 0
  for (let next = 0; next < bytes.length; next += 5 + bytes.readUInt16BE(next + 3)) at = next
  return bytes[at]!
}
