import type { RequestListener } from 'node:http'
import { describe, expect, test } from 'vitest'
import { checkHttp } from '../../src/checks/http/check-http.js'
import type { HttpCheckOptions } from '../../src/checks/http/options.js'
import { netvia } from './cli-process.js'
import { ca, closedPort, httpServer, httpsServer } from './http-servers.js'

const answer =
  (status: number, headers: Record<string, string> = {}, body = 'Please sign in'): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(status === 204 ? undefined : body)

/** The portal that a check of a server with this answer reports. */
async function portalOf(listener: RequestListener, options: HttpCheckOptions) {
  const { ok, captivePortal } = await checkHttp(`http://127.0.0.1:${await httpServer(listener)}/`, options)
  return ok ? 'ok' : captivePortal
}

describe('a check that expects 204', () => {
  const expectStatus = 204

  test('reports no portal if it gets 204', async () => {
    expect(await portalOf(answer(204), { expectStatus })).toBe('ok')
  })

  test('is redirected to another host: followed, not followed, and if nothing answers there', async () => {
    const portal = await httpServer(answer(200))
    const to = (port: number) => answer(302, { location: `http://localhost:${port}/login` })
    const found = (port: number) => ({ evidence: 'redirect', host: `localhost:${port}` })
    expect(await portalOf(to(portal), { expectStatus })).toEqual(found(portal))
    expect(await portalOf(to(portal), { expectStatus, maxRedirects: 0 })).toEqual(found(portal))
    expect(await portalOf(to(closedPort), { expectStatus: [204, 204] })).toEqual(found(closedPort))
  })

  test('gets a page instead', async () => {
    expect(await portalOf(answer(200), { expectStatus })).toEqual({ evidence: 'content', host: undefined })
  })

  test('gets 511 (RFC 6585)', async () => {
    expect(await portalOf(answer(511), { expectStatus })).toEqual({ evidence: 'status', host: undefined })
    expect(await portalOf(answer(511), {})).toEqual({ evidence: 'status', host: undefined })
  })

  test.each([404, 500, 503])('gets %i from a server in trouble, which is no portal', async status => {
    expect(await portalOf(answer(status), { expectStatus })).toBeUndefined()
  })
})

test('a body other than the expected one', async () => {
  expect(await portalOf(answer(200), { expectBody: 'success' })).toEqual({ evidence: 'content', host: undefined })
})

test('a redirect within the domain, or in a check that accepts any page, is no portal', async () => {
  const own = answer(302, { location: 'http://127.0.0.1:1/login' })
  expect(await portalOf(own, { expectStatus: 204 })).toBeUndefined()
  expect(await portalOf(answer(302, { location: `http://localhost:${closedPort}/` }), {})).toBeUndefined()
})

describe('with TLS', () => {
  test('a certificate for another name', async () => {
    const port = await httpsServer(answer(200), 'wrong-name')
    const found = { evidence: 'certificate', host: 'elsewhere.example' }
    expect(await checkHttp(`https://127.0.0.1:${port}/`, { tls: { ca } })).toMatchObject({ captivePortal: found })
    // Without the CA too, because a portal's CA is usually unknown.
    expect(await checkHttp(`https://127.0.0.1:${port}/`)).toMatchObject({ captivePortal: found })
  })

  test('a certificate that is only expired or unknown is no portal', async () => {
    const expired = await httpsServer(answer(200), 'expired')
    expect(await checkHttp(`https://127.0.0.1:${expired}/`, { tls: { ca } })).not.toHaveProperty('captivePortal')
    const unknown = await httpsServer(answer(200))
    expect(await checkHttp(`https://127.0.0.1:${unknown}/`)).not.toHaveProperty('captivePortal')
  })

  test('a server that has proved its identity may answer anything', async () => {
    const port = await httpsServer(answer(302, { location: 'http://localhost:1/' }))
    const options = { tls: { ca }, expectStatus: 204, maxRedirects: 0 }
    const result = await checkHttp(`https://127.0.0.1:${port}/`, options)
    expect(result).toMatchObject({ ok: false, status: 302 })
    expect(result).not.toHaveProperty('captivePortal')
    for (const status of [200, 511]) {
      const page = await httpsServer(answer(status))
      const other = await checkHttp(`https://127.0.0.1:${page}/`, { tls: { ca }, expectStatus: 204 })
      expect(other).toMatchObject({ ok: false, status })
      expect(other).not.toHaveProperty('captivePortal')
    }
  })

  test("the portal's own page may have a certificate that is accepted", async () => {
    const page = await httpsServer(answer(511))
    const to = answer(302, { location: `https://localhost:${page}/` })
    expect(await portalOf(to, { tls: { ca } })).toEqual({ evidence: 'status', host: `localhost:${page}` })
  })
})

test('the command shows it', async () => {
  const portal = await httpServer(answer(200))
  const port = await httpServer(answer(302, { location: `http://localhost:${portal}/login` }))
  const args = ['http', '-I', 'lo', '--expect-status', '204', `http://127.0.0.1:${port}/`]
  const { stdout, code } = await netvia(args)
  expect(stdout).toMatch(
    new RegExp(`^lo: the status is 200, expected 204; this looks like a captive portal at localhost:${portal}$`, 'm'),
  )
  expect(code).toBe(1)
  const json = JSON.parse((await netvia([...args, '--json'])).stdout)
  expect(json).toMatchObject({ ok: false, captivePortal: { evidence: 'redirect', host: `localhost:${portal}` } })
})
