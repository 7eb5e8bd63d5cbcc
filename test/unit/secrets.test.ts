import { createServer } from 'node:http'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { checkHttp, UplinkMonitor } from '../../src/index.js'
import { fetch } from '../../src/undici.js'
import { netvia } from './cli-process.js'
import { fileOf, startMonitor } from './monitor-command.js'

const secrets = ['t0p-user', 's3cr3t-pass', 't0k3n-in-query', 'k3y-of-the-path-0123456789', 'h34d3r-value', 'b0dy-text']
const server = createServer((request, response) => {
  if (request.url!.startsWith('/moved')) response.writeHead(302, { location: 'ftp://t0p-user:s3cr3t-pass@a.test/' })
  else response.writeHead(500)
  response.end('b0dy-text')
}).listen(0, '127.0.0.1')
await new Promise(resolve => server.once('listening', resolve))
const { port } = server.address() as { port: number }
afterAll(() => server.close())

/** A URL with secrets in every part. Nobody listens on port 1. */
const urlAt = (place: string) =>
  `http://t0p-user:s3cr3t-pass@${place}/k3y-of-the-path-0123456789?token=t0k3n-in-query#b0dy-text`
const urls = {
  'a status that is not expected': urlAt(`127.0.0.1:${port}`),
  'a redirect to nowhere': urlAt(`127.0.0.1:${port}/moved`).replace('moved/', 'moved-'),
  'a refused connection': urlAt('127.0.0.1:1'),
  'no TLS at the port': urlAt(`127.0.0.1:${port}`).replace('http:', 'https:'),
  'no such name': urlAt('no-such-name.invalid'),
  'no URL': `http://t0p-user:s3cr3t-pass@[::/?t0k3n-in-query`,
  'no scheme of ours': urlAt('127.0.0.1').replace('http:', 'ftp:'),
}
const headers = { authorization: 'h34d3r-value', 'x-key': 'h34d3r-value' }

/** Checks the forms in which people and programs see values: inspected with causes, as JSON, and as text. */
function expectNoSecret(...seen: unknown[]): void {
  for (const value of seen) {
    const texts = [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), String(value)]
    if (value instanceof Error) texts.push(value.stack!, JSON.stringify({ ...value, message: value.message }))
    for (const text of texts.filter(Boolean)) for (const secret of secrets) expect(text).not.toContain(secret)
  }
}

const settled = (promise: Promise<unknown>): Promise<unknown> => promise.catch(error => error)
const servers = ['127.0.0.1:1']

describe.each(Object.entries(urls))('%s', (_what, url) => {
  test('is reported by checkHttp without a secret', async () => {
    expectNoSecret(await settled(checkHttp(url, { headers, servers, timeout: 2000 })))
    const bad = { headers: { ...headers, 'no header': 'h34d3r-value' } }
    expectNoSecret(await settled(checkHttp(url, bad)))
  })

  test('is reported by the command without a secret', async () => {
    const common = ['http', '--timeout', '2s', '--server', servers[0]!, '-H', 'authorization: h34d3r-value']
    for (const args of [
      ['--json', url],
      [url, url.replace('t0k3n', 'other-t0k3n')],
      ['-H', 'x-h34d3r-value', url],
    ]) {
      const { stdout, stderr } = await netvia([...common, ...args])
      expect(stdout + stderr).not.toBe('')
      expectNoSecret(stdout, stderr)
    }
  })
})

test('a failed fetch shows no secret, except where the standard requires it', async () => {
  // This URL has no credentials, because fetch itself refuses those with a message that has the URL. RFC 9110 section 4.2.4 deprecates them.
  const url = `http://127.0.0.1:1/k3y-of-the-path-0123456789?token=t0k3n-in-query`
  expectNoSecret(await settled(fetch(url, { headers, device: 'lo' })))
  expectNoSecret(await settled(fetch(url, { headers, device: 'no-such-device' })))
})

test('the monitor shows no secret in its snapshot, events, warnings and state file', async () => {
  const state = fileOf('', 'state.json')
  const monitor = new UplinkMonitor({
    interval: 50,
    timeout: 1000,
    down: 1,
    stateFile: state,
    uplinks: [
      {
        name: 'fibre',
        device: 'lo',
        checks: [urls['a refused connection'], urls['a status that is not expected']].map(url => ({
          type: 'http',
          url,
          headers,
        })),
      },
    ],
  })
  const seen: unknown[] = []
  for (const name of ['state', 'check', 'warning'] as const) monitor.on(name, (event: unknown) => seen.push(event))
  monitor.start()
  while (!seen.some(event => (event as { to?: string }).to === 'down')) await new Promise(r => setTimeout(r, 20))
  seen.push(monitor.snapshot())
  await monitor.stop()
  expect(seen.length).toBeGreaterThan(3)
  expectNoSecret(...seen, monitor)
})

test('netvia monitor shows no secret on its outputs, its page, its events and its metrics', async () => {
  const checks = ['a refused connection', 'a status that is not expected'].map(what => {
    return `    - { type: http, url: "${urls[what as keyof typeof urls]}", headers: { x-key: h34d3r-value } }`
  })
  const config = [
    'interval: 50ms',
    'timeout: 1s',
    'down: 1',
    'uplinks:',
    '- name: fibre',
    '  device: lo',
    '  checks:',
    ...checks,
  ]
  const monitor = startMonitor(config.join('\n'), ['--listen', '127.0.0.1:0'])
  const url = await monitor.url()
  await monitor.says(/down/)
  for (const path of ['', 'api/snapshot', 'api/history', 'metrics', 'healthz']) {
    const response = await globalThis.fetch(url + path)
    expectNoSecret(await response.text())
  }
  expectNoSecret(monitor.said())
})
