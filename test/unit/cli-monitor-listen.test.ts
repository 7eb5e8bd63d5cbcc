import { request } from 'node:http'
import { connect } from 'node:net'
import { hostname } from 'node:os'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { netvia } from './cli-process.js'
import { httpServer } from './http-servers.js'
import { fileOf, startMonitor, tcpUplinks } from './monitor-command.js'

const token = 'correct horse battery'
const config = tcpUplinks(['fibre', 9])

/** Sends a request with headers that fetch doesn't allow. Returns status and body. */
function ask(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, method, agent: false }, async response => {
      const body = (await response.toArray()).join('')
      resolve({ status: response.statusCode!, body })
    })
    sent.on('error', reject).end()
  })
}

/** Reads a stream until its text matches `pattern`. */
async function streamed(url: string, pattern: RegExp, headers: Record<string, string> = {}): Promise<string> {
  const controller = new AbortController()
  const response = await fetch(url, { headers, signal: controller.signal })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (pattern.test(text)) break
  }
  return text
}

describe('access', () => {
  test.each(['0.0.0.0:0', '[::]:0', '192.0.2.1:9777', 'router.example:9777'])(
    'refuses to listen on %s without a token',
    async address => {
      const { code, stderr } = await netvia(['monitor', '--no-socket', '-c', fileOf(config), '--listen', address])
      expect(code).toBe(3)
      expect(stderr).toMatch(/can be reached from other machines: a token is needed \(--token-file, or NETVIA_TOKEN/)
    },
  )

  test('a short token is refused, and so is an invalid address', async () => {
    const short = await netvia(['monitor', '--no-socket', '-c', fileOf(config), '--listen', '0.0.0.0:0'], {
      env: { NETVIA_TOKEN: 'abc' },
    })
    expect(short).toMatchObject({ code: 3, stderr: expect.stringContaining('16 characters at least') })
    for (const address of ['lo', '1.2.3.4', '127.0.0.1:70000']) {
      expect((await netvia(['monitor', '--no-socket', '-c', fileOf(config), '--listen', address])).code).toBe(3)
    }
  })

  test('with a token: clients need it, as bearer or as password, except for the health check', async () => {
    const monitor = startMonitor(config, ['--listen', '0', '--token-file', fileOf(`${token}\n`, 'token'), '-v'])
    const url = await monitor.url()
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    const refused = await fetch(url)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toMatch(/^Basic realm="netvia"/)
    expect(await refused.text()).toMatch(/^A token is needed: as the password, with any user name/)
    const wrong: Record<string, string>[] = [
      {},
      { authorization: 'Bearer ' },
      { authorization: `Bearer ${token}x` },
      basic(`x:${token}x`),
      basic(token.slice(1)),
    ]
    for (const path of ['', 'api/snapshot', 'api/events', 'api/history', 'metrics', 'nothing']) {
      for (const headers of wrong) expect((await ask(`${url}${path}`, headers)).status).toBe(401)
    }
    expect((await ask(`${url}metrics`, basic(`anybody:${token}`))).status).toBe(200)
    expect((await ask(url, basic(`:${token}`))).status).toBe(200)
    expect(await ask(`${url}healthz`)).toEqual({ status: 200, body: '{"status":"ok"}' })
    // A token with spaces works as a password, but isn't a valid bearer token (RFC 6750).
    expect(monitor.said()).not.toContain(token)
  })

  test('a bearer token, from the environment', async () => {
    const secret = 'f00ba4f00ba4f00ba4'
    const monitor = startMonitor(config, ['--listen', '0', '--json'], { NETVIA_TOKEN: secret })
    const url = await monitor.url()
    expect((await ask(`${url}api/snapshot`, { authorization: `Bearer ${secret}` })).status).toBe(200)
    expect((await ask(`${url}api/snapshot`, { authorization: `bearer ${secret}` })).status).toBe(200)
    expect((await ask(`${url}api/snapshot?token=${secret}`)).status).toBe(401)
    expect(monitor.said()).not.toContain(secret)
  })

  test('the hook does not get the token', async () => {
    const hook = 'hook: [sh, -c, "echo \\"token: <$NETVIA_TOKEN>\\" >&2; exit 1"]\n'
    const monitor = startMonitor(hook + config, ['--listen', '0'], { NETVIA_TOKEN: token })
    await monitor.says(/token: <>/)
  })

  test('without a token: only requests for this machine, not from a foreign page whose name resolves here', async () => {
    const url = await startMonitor(config, ['--listen', '0']).url()
    const { port } = new URL(url)
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
      expect((await ask(url, { host })).status).toBe(200)
    }
    for (const host of [
      `evil.example:${port}`,
      'evil.example',
      '127.0.0.1.evil.example',
      'localhost.evil.example:80',
    ]) {
      expect(await ask(`${url}api/snapshot`, { host })).toMatchObject({
        status: 403,
        body: expect.stringMatching(/only requests for this machine by its own names.* --token-file/),
      })
    }
  })
})

/** A connection that sends `head`, then `drop` five times a second. Resolves with the received text when it is closed. */
function hold(url: string, head: string, drop = ''): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.write(head)
  const timer = setInterval(() => socket.write(drop), 200)
  onTestFinished(() => void socket.destroy())
  return new Promise(resolve => {
    let received = ''
    socket.on('error', () => {})
    socket.on('data', data => {
      received += data
    })
    socket.on('close', () => {
      clearInterval(timer)
      resolve(received)
    })
  })
}

describe('clients that only occupy a connection', () => {
  test('lose it after some seconds: silence, dripping headers, a dripping body, a request too large, no token', async () => {
    const url = await startMonitor(config, ['--listen', '0', '--token-file', fileOf(token, 'token')]).url()
    const get = 'GET / HTTP/1.1\r\nHost: x\r\n'
    const answers = await Promise.all([
      hold(url, ''),
      hold(url, get, 'x: y\r\n'),
      hold(url, `${get}x: `, 'y'),
      hold(url, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n', 'y'),
      hold(url, `${get}x: ${'y'.repeat(9000)}`),
      hold(url, `${get}\r\n`),
    ])
    const status = answers.map(answer => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
    expect(status).toEqual(['408', '408', '408', '405', '431', '401'])
    expect(answers.at(-1)).toMatch(/^connection: close\r$/im)
  })

  test('are limited to two hundred; later ones are rejected until there is room', async () => {
    const url = await startMonitor(config, ['--listen', '0']).url()
    const { hostname, port } = new URL(url)
    const sockets = Array.from({ length: 300 }, () => connect({ host: hostname, port: Number(port) }))
    let open = sockets.length
    for (const socket of sockets) socket.on('error', () => {}).on('close', () => open--)
    onTestFinished(() => sockets.forEach(socket => void socket.destroy()))
    await expect.poll(() => open, { timeout: 20_000 }).toBeLessThanOrEqual(200)
    for (const socket of sockets) socket.destroy()
    await expect
      .poll(() => ask(`${url}healthz`).catch(error => error), { timeout: 20_000 })
      .toMatchObject({ status: 200 })
  })
})

describe('a client that sends many requests in one write', () => {
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`

  test('gets its answers in order', async () => {
    const url = await startMonitor(config, ['--listen', '0']).url()
    const text = await hold(url, request('/healthz') + request('/api/history?range=7') + request('/nothing'))
    expect(text.match(/^HTTP\/1\.1 \d+|HTTP\/1\.1 \d+/g)).toEqual(
      ['200', '400', '404', '408'].map(status => `HTTP/1.1 ${status}`),
    )
  })

  test('loses the connection beyond 8 KiB, and the checks continue meanwhile', async () => {
    const monitor = startMonitor(config, ['--listen', '0', '--json', '-v'])
    const url = await monitor.url()
    const answers = await Promise.all(Array.from({ length: 50 }, () => hold(url, request('/metrics').repeat(1000))))
    expect(answers.join('')).not.toContain('netvia_uplink_state')
    expect((await ask(`${url}healthz`)).status).toBe(200)
  })
})

test('histories and metrics are generated at most once a second', async () => {
  const url = await startMonitor(config, ['--listen', '0']).url()
  const first = (await ask(`${url}metrics`)).body
  const rest = await Promise.all(Array.from({ length: 20 }, () => ask(`${url}metrics`)))
  expect(new Set([first, ...rest.map(({ body }) => body)]).size).toBeLessThanOrEqual(2)
})

describe('the page and its data', () => {
  test('escapes names with every character that is special to Prometheus', async () => {
    const name = `${String.raw`fi"b\r{e}`}\n# HELP x`
    const device = String.raw`w"a\{n},`
    const text = tcpUplinks(['fibre', 9]).replace('fibre', JSON.stringify(name)).replace('lo', JSON.stringify(device))
    const monitor = startMonitor(text, ['--listen', '0'])
    const metrics = (await ask(`${await monitor.url()}metrics`)).body
    const labels = String.raw`uplink="fi\"b\\r{e}\n# HELP x",device="w\"a\\{n},"`
    expect(metrics).toContain(`\nnetvia_uplink_link_up{${labels}} `)
    expect(metrics.split('\n').filter(line => line.includes('HELP x') && !line.includes(labels))).toEqual([])
  })

  test('the page: one file, without requests to other hosts', async () => {
    const url = await startMonitor(config, ['--listen', '0']).url()
    const response = await fetch(url)
    const text = await response.text()
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}'; connect-src 'self'; /,
    )
    expect(text).not.toMatch(/(?:src|href)="?(?!data:)\w/)
    expect(text.length).toBeLessThan(100_000)
  })

  test('snapshot, history and events', async () => {
    const port = await httpServer((_request, response) => response.end())
    const monitor = startMonitor(tcpUplinks(['fibre', port]), ['--listen', '0'])
    const url = await monitor.url()
    await monitor.says(/fibre: unknown -> up/)
    expect(await (await fetch(`${url}api/snapshot`)).json()).toMatchObject({
      running: true,
      uplinks: [{ name: 'fibre', state: 'up', checks: [{ type: 'tcp', ok: true }] }],
    })
    const past = await streamed(`${url}api/events?after=0`, /"to":"up"/)
    expect(past).toMatch(/^retry: \d+\n\nid: 1\nevent: state\ndata: \{"uplink":"fibre","from":"unknown","to":"up",/)
    // The client already knows the first event, so it gets only new ones.
    const missed = await streamed(`${url}api/events?snapshots`, /event: snapshot\n.*\n\n/, { 'last-event-id': '1' })
    expect(missed).not.toContain('event: state')
    const snapshot = JSON.parse(/event: snapshot\ndata: (.*)\n/.exec(missed)![1]!)
    expect(snapshot).toMatchObject({ running: true, host: hostname(), inUse: 'fibre', keepsHistory: false })
    const history = async (more = '') => {
      return JSON.parse((await ask(`${url}api/history?uplink=fibre&range=300${more}`)).body)
    }
    // The current second has no check in its first milliseconds.
    const report = await vi.waitFor(async () => {
      const report = await history()
      expect(report.checks[0].medianMs.at(-1)).toBeTypeOf('number')
      return report
    }, 10_000)
    const { step, from, name, state, checks, availability, outages } = report
    expect(state.at(-1)).toBe('up')
    expect({ step, name, availability, outages }).toEqual({ step: 1, name: 'fibre', availability: 1, outages: [] })
    expect(state).toHaveLength(300)
    expect(checks).toMatchObject([{ type: 'tcp', target: `127.0.0.1:${port}` }])
    // The next request continues with the step that was in progress.
    const later = await history(`&since=${from + 299}`)
    expect(later.from).toBe(from + 299)
    expect(later.state[0]).toBe('up')
    expect(later.checks[0].lossRatio).toHaveLength(later.state.length)
    for (const [query, status] of [
      ['uplink=fibre&range=7', 400],
      ['uplink=fibre&since=x', 400],
      ['uplink=lte', 404],
      ['range=300', 404],
    ]) {
      expect([query, (await ask(`${url}api/history?${query}`)).status]).toEqual([query, status])
    }
    expect(await ask(`${url}api/history?uplink=fibre&range=604800`)).toEqual({
      status: 404,
      body: '{"error":"days are kept with \\"history\\" in the configuration"}',
    })
  }, 60_000)

  test('requests change nothing, and unknown paths return 404', async () => {
    const url = await startMonitor(config, ['--listen', '0']).url()
    expect((await ask(`${url}api/snapshot`, {}, 'POST')).status).toBe(405)
    expect((await ask(`${url}api/snapshot`, {}, 'DELETE')).status).toBe(405)
    expect(await ask(`${url}api/events`, {}, 'HEAD')).toEqual({ status: 200, body: '' })
    for (const path of ['favicon.ico', '../package.json', '%2e%2e/cli.cjs', 'api', '/']) {
      expect((await ask(`${url}${path}`)).status).toBe(404)
    }
  })

  test('a port in use is a local error', async () => {
    const port = await httpServer((_request, response) => response.end())
    const { code, stderr } = await netvia(['monitor', '--no-socket', '-c', fileOf(config), '--listen', String(port)])
    expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('EADDRINUSE') })
  })

  test('it ends immediately, even while clients are connected', async () => {
    const monitor = startMonitor(config, ['--listen', '0'])
    const stream = await fetch(`${await monitor.url()}api/events`)
    monitor.child.kill('SIGTERM')
    expect((await monitor.ended).signal).toBe('SIGTERM')
    await stream.text().catch(() => {})
  })
})

test('secrets in URLs and headers appear nowhere', async () => {
  const port = await httpServer((_request, response) => response.writeHead(500).end())
  const uuid = '0b1f7c0e-3d52-4f7e-9a55-0f3c8a1e2d4b'
  const target = `127.0.0.1:${port}/hooks/${uuid}/ping?key=s3cret-query#s3cret-part`
  const text = `interval: 50ms
uplinks:
  - name: fibre
    checks:
      - type: http
        url: http://s3cret-user:s3cret-password@${target}
        headers: { authorization: s3cret-header }
        expectBody: s3cret-body
`
  const monitor = startMonitor(text, ['--listen', '0', '-v'])
  const url = await monitor.url()
  await monitor.says(/fibre: unknown -> down/)
  const pages = ['', 'api/snapshot', 'api/history?uplink=fibre', 'metrics']
  const seen = await Promise.all(pages.map(async path => (await fetch(`${url}${path}`)).text()))
  seen.push(await streamed(`${url}api/events?after=0&snapshots`, /event: snapshot/), monitor.said())
  expect(seen[3]).toContain(`target="http://127.0.0.1:${port}/hooks/…/ping"`)
  for (const one of seen) expect(one).not.toMatch(/s3cret|0b1f7c0e/)
})
