import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { checkDns } from '../../src/checks/check-dns.js'
import { checkTcp } from '../../src/checks/check-tcp.js'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { httpServer, lab, needs } from '../lab/index.js'
import { a, fakeServer } from '../unit/dns-fake-server.js'
import { movedDuring, sentDuring } from './moved.js'

const { address4, address6, name } = lab.server
const device = 'wan2'
const tls = { ca: lab.ca }
/** Node 22.23.3 itself rejects certificates for IPv6 addresses, so the test uses the server's name on such a Node. */
const certificate = { subject: {}, subjectaltname: `IP Address:${address6}` } as PeerCertificate
const ipv6Identity = checkServerIdentity(address6, certificate) ? { servername: name } : {}

const locations = `
  location / { return 200 "hello from nginx\\n"; }
  location /moved { return 301 /; }
  location /far { return 302 https://$host/; }
  location /none { return 204; }`

/** Stops the servers at the end of the test, even if it fails. */
async function serve(...starting: Promise<{ stop(): Promise<void> }>[]): Promise<void> {
  for (const server of await Promise.all(starting)) onTestFinished(() => server.stop())
}

describe('checkHttp with nginx', () => {
  needs('nginx', 'dnsmasq')

  test.each([
    ['HTTP over IPv4', `http://${address4}/`],
    ['HTTP over IPv6', `http://[${address6}]/`],
    ['HTTP by name', `http://${name}/`],
    ['HTTPS over IPv4', `https://${address4}/`],
    ['HTTPS over IPv6', `https://[${address6}]/`],
    ['HTTPS by name', `https://${name}/`],
    ['from HTTP to HTTPS by name', `http://${name}/far`],
  ])('%s uses wan2 and nothing else', async (_what, url) => {
    await serve(lab.nginx(httpServer(locations)), lab.dnsmasq())
    const moved = await movedDuring(async () => {
      const identity = url.startsWith(`https://[`) ? ipv6Identity : {}
      const result = await checkHttp(url, { device, tls: { ...tls, ...identity }, expectBody: 'hello from nginx' })
      expect(result).toMatchObject({ ok: true, status: 200, device, bytes: 17, error: undefined })
      expect([lab.wan2.address4, lab.wan2.address6]).toContain(result.localAddress)
      expect([address4, address6]).toContain(result.remoteAddress)
      expect(result.redirects).toBe(url.endsWith('/far') ? 1 : 0)
      if (url.startsWith('https') || url.endsWith('/far')) {
        expect(result.certificate).toMatchObject({ subject: 'CN=server.test' })
        expect(result.timings.tlsMs).toBeGreaterThan(0)
      }
    })
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(8)
  })

  test("with wan2's address alone it uses wan1", async () => {
    await serve(lab.nginx(httpServer(locations)))
    const sent = await sentDuring(async () => {
      const result = await checkHttp(`http://${address4}/`, { localAddress: lab.wan2.address4 })
      expect(result).toMatchObject({ ok: true, device: undefined, localAddress: lab.wan2.address4 })
    })
    expect(sent.wan1).toBeGreaterThan(0)
    expect(sent.wan2).toBe(0)
  })

  test.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('%s certificate', async (certificate, code) => {
    await serve(lab.nginx(httpServer(locations, certificate)))
    const result = await checkHttp(`https://${address4}/`, { device, tls })
    expect(result).toMatchObject({ ok: false, device, remoteAddress: address4, error: { code } })
    expect(result.certificate!.daysLeft < 0).toBe(certificate === 'expired')
  })

  test('204, and 301 with and without following redirects', async () => {
    await serve(lab.nginx(httpServer(locations)))
    expect(await checkHttp(`http://${address4}/none`, { device })).toMatchObject({ ok: true, status: 204, bytes: 0 })
    expect(await checkHttp(`http://${address4}/moved`, { device })).toMatchObject({ status: 200, redirects: 1 })
    expect(await checkHttp(`http://${address4}/moved`, { device, maxRedirects: 0 })).toMatchObject({
      ...{ ok: true, status: 301, redirects: 0 },
    })
  })
})

describe('faults on the path', () => {
  needs('nft')

  test.each([
    ['dropped', 'tcp dport 80 drop', 'ETIMEDOUT'],
    ['reset', 'tcp dport 80 reject with tcp reset', 'ECONNREFUSED'],
    ['prohibited', 'tcp dport 80 reject with icmpx type admin-prohibited', /EHOSTUNREACH|EACCES/],
    ['no route', 'tcp dport 80 reject with icmpx type no-route', /ENETUNREACH|EHOSTUNREACH/],
  ] as const)('%s: a value, not an error', async (_what, rule, code) => {
    const repair = lab.fault('isp2', rule)
    onTestFinished(repair)
    // If an ICMPv6 error arrives while connect(2) still runs, Linux reports it only after the next SYN, a second later.
    const timeout = code === 'ETIMEDOUT' ? 300 : 5000
    for (const host of [address4, address6]) {
      const url = `http://${host.includes(':') ? `[${host}]` : host}/`
      const results = [await checkHttp(url, { device, timeout }), await checkTcp({ host, port: 80, device, timeout })]
      for (const { ok, latencyMs, error } of results) {
        expect({ ok, latencyMs }).toEqual({ ok: false, latencyMs: undefined })
        expect(error!.code).toMatch(code)
        expect(error!.name).toBe('NetviaError')
      }
    }
  })

  test('a host without TCP is a value too', async () => {
    onTestFinished(lab.fault('isp2', 'tcp dport 80 reject with icmp type prot-unreachable'))
    const results = [
      await checkHttp(`http://${address4}/`, { device }),
      await checkTcp({ host: address4, port: 80, device }),
    ]
    for (const result of results) expect(result).toMatchObject({ ok: false, error: { code: 'ENOPROTOOPT' } })
  })

  test('a device that is down, one without a route, and one that is deleted during the check', async () => {
    const dead = lab.addDevice('down0', 'slow')
    lab.run('router', 'ip', 'link', 'set', 'down0', 'down')
    const down = await checkHttp(`http://${address4}/`, { device: 'down0', timeout: 500 })
    expect(down).toMatchObject({ ok: false, error: { name: 'NetviaError' } })
    lab.run('router', 'ip', 'link', 'set', 'down0', 'up')
    const nowhere = await checkTcp({ host: address4, port: 80, device: 'down0', timeout: 500 })
    expect(nowhere).toMatchObject({ ok: false, error: { name: 'NetviaError' } })
    dead.remove()
    await expect(checkTcp({ host: address4, port: 80, device: 'down0' })).rejects.toMatchObject({ code: 'ENODEV' })
  })
})

describe('checkTcp and checkDns', () => {
  needs('nginx', 'dnsmasq')

  test('checkTcp over wan2', async () => {
    await serve(lab.nginx(), lab.dnsmasq())
    for (const host of [address4, address6, name]) {
      const moved = await movedDuring(async () => {
        const result = await checkTcp({ host, port: 80, device })
        expect(result).toMatchObject({ ok: true, error: undefined })
        expect([lab.wan2.address4, lab.wan2.address6]).toContain(result.localAddress)
        expect(result.latencyMs).toBeGreaterThan(0)
      })
      expect(moved.wan1).toBe(0)
      expect(moved.wan2).toBeGreaterThan(2)
    }
  })

  test('late packets are not rejected through wan1', async () => {
    await serve(lab.nginx(), lab.dnsmasq())
    const moved = await movedDuring(async () => {
      // Often the first connection is established before the answer for the second address family arrives.
      for (let i = 0; i < 300; i++) expect(await checkTcp({ host: name, port: 80, device })).toMatchObject({ ok: true })
      await sleep(300)
    })
    expect(moved.wan1).toBe(0)
  })

  test('checkDns over wan2, with the server in resolv.conf and with a given one', async () => {
    await serve(lab.dnsmasq())
    for (const servers of [undefined, [address4], [`[${address6}]:53`]]) {
      const moved = await movedDuring(async () => {
        const result = await checkDns(name, { device, servers, expect: address4 })
        expect(result).toMatchObject({ ok: true, answers: [{ address: address4, family: 4 }], error: undefined })
        expect(result.server).toBe(servers?.[0] === `[${address6}]:53` ? address6 : address4)
        expect(result.latencyMs).toBeGreaterThan(0)
      })
      expect(moved.wan1).toBe(0)
      expect(moved.wan2).toBeGreaterThan(1)
    }
    expect(await checkDns(name, { device, type: 'AAAA', expect: '192.0.2.99' })).toMatchObject({
      ...{ ok: false, answers: [{ address: address6 }], error: { code: 'ERR_DNS_ANSWER' } },
    })
    expect(await checkDns('nothing.test', { device })).toMatchObject({
      ...{ ok: false, answers: [], server: address4, error: { code: 'ENOTFOUND' } },
    })
  })
})

describe('a server elsewhere that redirects', () => {
  needs('nginx')

  test.each([
    ['a service of this machine', '127.0.0.1'],
    ['a link-local address', 'link-local'],
    ['the unspecified address', '0.0.0.0'],
    ['the unspecified IPv6 address', '[::]'],
    ["this machine's address on another uplink", lab.wan1.address4],
    ["this machine's own IPv6 address", `[${lab.wan1.address6}]`],
  ])('does not reach %s', async (_what, target) => {
    const asked: string[] = []
    const inside = createServer((request, response) => response.end(String(asked.push(request.url!))))
    await once(inside.listen(0), 'listening')
    onTestFinished(() => void inside.close())
    if (target === 'link-local') {
      lab.run('router', 'ip', 'address', 'add', '169.254.169.254/32', 'dev', 'lo')
      onTestFinished(() => void lab.run('router', 'ip', 'address', 'del', '169.254.169.254/32', 'dev', 'lo'))
    }
    const host = target === 'link-local' ? '169.254.169.254' : target
    const { port } = inside.address() as { port: number }
    await serve(lab.nginx(httpServer(`location / { return 302 http://${host}:${port}/secret; }`)))
    expect(await checkHttp(`http://${address4}/`)).toMatchObject({
      ok: false,
      redirects: 1,
      error: { code: 'ERR_HTTP_REDIRECT', message: expect.stringContaining('this machine') },
    })
    expect(asked).toEqual([])
    // The user may request it directly.
    expect(await checkHttp(`http://${host}:${port}/mine`)).toMatchObject({ ok: true })
    expect(asked).toEqual(['/mine'])
  })

  test('does not reach it by a name that resolves to another address the second time', async () => {
    const asked: string[] = []
    const inside = createServer((request, response) => {
      asked.push(JSON.stringify(request.headers))
      response.end()
    })
    await once(inside.listen(0), 'listening')
    onTestFinished(() => void inside.close())
    const { port } = inside.address() as { port: number }
    // On a busy machine, a question may be repeated.
    const questions = new Set<number>()
    const dns = await fakeServer(({ question: { name, type }, id }) => {
      if (type !== 'A') return {}
      questions.add(id)
      return { answers: [a(name, questions.size === 1 ? address4 : lab.wan1.address4)] }
    })
    onTestFinished(() => dns.close())
    await serve(lab.nginx(`server { listen ${port}; location / { return 307 /secret; } }`))
    const headers = { authorization: 'Bearer secret', cookie: 'a=b' }
    // The redirect stays within one origin, which may receive the credentials.
    const result = await checkHttp(`http://rebound.test:${port}/`, { servers: [dns.server], headers })
    expect(result).toMatchObject({ ok: false, redirects: 1, error: { code: 'ERR_HTTP_REDIRECT' } })
    expect(questions.size).toBeGreaterThanOrEqual(2)
    expect(asked).toEqual([])
  })
})
