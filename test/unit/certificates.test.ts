import { readdirSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { connectTls } from '../../src/protocols/tcp/connect-tls.js'
import { type MadeCertificate, makeCertificate, opensslServer } from './odd-certificates.js'
import { requires } from './requirements.js'

beforeEach(context => requires(context, 'openssl'))

const host = '127.0.0.1'

async function serve({ cert, key }: Pick<MadeCertificate, 'cert' | 'key'>): Promise<number> {
  const server = createServer({ cert, key }, (_request, response) => response.end('fine'))
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>(resolve => server.close(() => resolve()))
  })
  return (server.address() as AddressInfo).port
}

/** The number of open descriptors of this process. */
const descriptors = () => readdirSync('/proc/self/fd').length

const authority = () =>
  makeCertificate({ subject: '/CN=an authority', extensions: 'basicConstraints = critical, CA:TRUE' })

describe('incomplete certificates', () => {
  test('no subject (RFC 5280 section 4.1.2.6), trusted and not', async () => {
    const signer = authority()
    const extensions = `subjectAltName = critical, IP:${host}`
    const nameless = makeCertificate({ subject: '/', extensions, signer })
    const url = `https://${host}:${await serve(nameless)}/`
    const facts = { subject: '', names: [host], daysLeft: expect.any(Number) }
    expect(await checkHttp(url, { tls: { ca: signer.cert } })).toMatchObject({ ok: true, certificate: facts })
    expect(await checkHttp(url)).toMatchObject({
      ...{ ok: false, certificate: facts },
      error: {
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        hostname: host,
        message: expect.stringContaining('an authority'),
      },
    })
  })

  test.each([
    ['neither subject nor names', '/', ''],
    ['invalid names', '/CN=x', 'subjectAltName = email:me@name.test, URI:urn:x, RID:1.2.3'],
    ['a subject without a common name', '/O=nobody', ''],
    ['a name with commas and quotes', '/CN=x', 'subjectAltName = @alt\n[alt]\nDNS.1 = a", DNS:b'],
  ])('%s: a failed check that reports the certificate', async (_what, subject, extensions) => {
    const signer = authority()
    const port = await serve(makeCertificate({ subject, extensions, signer }))
    const result = await checkHttp(`https://${host}:${port}/`, { tls: { ca: signer.cert } })
    expect(result).toMatchObject({
      ok: false,
      certificate: { subject: subject.slice(1), names: expect.any(Array) },
      error: { code: 'ERR_TLS_CERT_ALTNAME_INVALID', hostname: host },
    })
    expect(result.error!.message).toMatch(new RegExp(`the certificate is for .*, not for ${host} \\(`))
    await expect(connectTls({ host, port, ca: signer.cert })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })

  test('none of them leaks a descriptor', async () => {
    const signer = authority()
    const nameless = await serve(makeCertificate({ subject: '/', signer }))
    const url = `https://${host}:${nameless}/`
    const ask = async () => {
      await checkHttp(url)
      await checkHttp(url, { tls: { ca: signer.cert } })
      await connectTls({ host, port: nameless }).catch(() => {})
    }
    await ask()
    const before = descriptors()
    for (let i = 0; i < 20; i++) await ask()
    // The server's sockets close a moment later.
    await expect.poll(descriptors, { timeout: 5000 }).toBeLessThanOrEqual(before)
  })
})

describe('a certificate error says', () => {
  const messageOf = async (certificate: Pick<MadeCertificate, 'cert' | 'key'>, ca?: string) => {
    const { ok, error } = await checkHttp(`https://${host}:${await serve(certificate)}/`, { tls: { ca } })
    expect(ok).toBe(false)
    expect(error).toMatchObject({ hostname: host, address: host, syscall: 'TLS handshake' })
    expect(error!.message).not.toMatch(/SSL routines|\.c:|error:|\n/)
    return error!.message
  }
  const names = `subjectAltName = IP:${host}`

  test('the names of the certificate', async () => {
    const signer = authority()
    const many = Array.from({ length: 40 }, (_, i) => `DNS:host${i}.portal.test`).join(',')
    const message = await messageOf(
      makeCertificate({ subject: '/CN=portal', extensions: `subjectAltName = ${many}`, signer }),
      signer.cert,
    )
    expect(message).toContain(
      'is for host0.portal.test, host1.portal.test, host2.portal.test, host3.portal.test, host4.portal.test, 35 more, not for 127.0.0.1',
    )
  })

  test('when it expired, or from when it is valid', async () => {
    const signer = authority()
    const old = { from: '20200101000000Z', to: '20210203040506Z' }
    expect(
      await messageOf(makeCertificate({ subject: '/CN=x', extensions: names, signer, ...old }), signer.cert),
    ).toMatch(/CERT_HAS_EXPIRED: the certificate expired on 2021-02-03 04:05:06 UTC .*clock/)
    const early = { from: '21100203040506Z' }
    expect(
      await messageOf(makeCertificate({ subject: '/CN=x', extensions: names, signer, ...early }), signer.cert),
    ).toMatch(/CERT_NOT_YET_VALID: the certificate is not valid before 2110-02-03 04:05:06 UTC .*clock/)
  })

  test('which certificate of the chain has expired', async () => {
    const root = authority()
    const extensions = 'basicConstraints = critical, CA:TRUE'
    const middle = makeCertificate({ subject: '/CN=the middle', extensions, signer: root, to: '20210101000000Z' })
    const leaf = makeCertificate({ subject: '/CN=x', extensions: names, signer: middle })
    expect(await messageOf({ cert: leaf.cert + middle.cert, key: leaf.key }, root.cert)).toMatch(
      /the certificate of CN=the middle, which vouches for it, expired on 2021-01-01/,
    )
  })

  test('that it is self-signed, or who signed it', async () => {
    expect(await messageOf(makeCertificate({ subject: '/CN=x', extensions: names }))).toMatch(
      /the certificate is self-signed .*"ca"/,
    )
    const root = authority()
    const leaf = makeCertificate({ subject: '/CN=x', extensions: names, signer: root })
    expect(await messageOf({ cert: leaf.cert + root.cert, key: leaf.key })).toMatch(
      /nobody trusted here signed the certificate; CN=an authority did .*"ca"/,
    )
  })

  test.each(['-tls1_2', '-tls1_3'])('that the server requires a client certificate: OpenSSL with %s', async version => {
    const signer = authority()
    const server = makeCertificate({ subject: '/CN=x', extensions: names, signer })
    const port = await opensslServer(
      server,
      version,
      '-Verify',
      '1',
      '-verify_return_error',
      '-CAfile',
      signer.certFile,
    )
    const url = `https://${host}:${port}/`
    const { ok, error } = await checkHttp(url, { tls: { ca: signer.cert } })
    expect({ ok, hostname: error?.hostname }).toEqual({ ok: false, hostname: host })
    expect(error!.message).toMatch(/client certificate .*"cert" and "key"/)
    expect(error!.message).not.toMatch(/SSL routines|alert|\.c:/)
    const mine = makeCertificate({ subject: '/CN=me', signer })
    const known = await checkHttp(url, { tls: { ca: signer.cert, cert: mine.cert, key: mine.key } })
    expect(known).toMatchObject({ ok: true, status: 200 })
    const stranger = makeCertificate({ subject: '/CN=stranger' })
    const refused = await checkHttp(url, { tls: { ca: signer.cert, cert: stranger.cert, key: stranger.key } })
    expect(refused.error!.message).toContain('does not accept the client certificate')
  })
})
