import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/cli/monitor/config.js'
import { readHeaders } from '../../src/cli/monitor/otlp/headers-file.js'
import { instanceId } from '../../src/cli/monitor/otlp/instance.js'
import { otlpSettings } from '../../src/cli/monitor/otlp/options.js'
import { objects } from './cli-process.js'
import { schemaErrors } from './cli-schema.js'
import { fileOf, startMonitor, tcpUplinks } from './monitor-command.js'
import { startReceiver } from './otlp-receiver.js'

const patience = { timeout: 30_000, interval: 50 }

/** A server for the checks. */
async function target() {
  const server = http.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

const uplinks = 'uplinks: [{ name: a, checks: [{ type: ping, host: 192.0.2.1 }] }]'

describe('the options', () => {
  test('may be just a URL, and have times with a unit', () => {
    expect(readConfig(fileOf(`otlp: https://c.example\n${uplinks}\n`)).otlp).toEqual({ url: 'https://c.example' })
    const text = `otlp: { url: 'https://c.example', interval: 5m, timeout: 3s, logs: false }\n${uplinks}\n`
    expect(readConfig(fileOf(text)).otlp).toMatchObject({ interval: 300_000, timeout: 3000, logs: false })
  })

  test('are refused with line and column, without showing secrets', () => {
    const text = `otlp:\n  url: https://user:secret@c.example/\n  intervall: 3\n${uplinks}\ntimeuot: 3\n`
    const run = () => readConfig(fileOf(text))
    expect(run).toThrow(/:2:3: otlp: url must be a URL without user and password/)
    expect(run).toThrow(/:3:3: otlp: unknown option "intervall"/)
    expect(run).toThrow(/:5:1: unknown option "timeuot"/)
    expect(run).not.toThrow(/secret/)
    expect(() => readConfig(fileOf(`otlp: { interval: 5 }\n${uplinks}\n`))).toThrow(/otlp: url must be/)
  })

  test.each([
    ['https://c.example', 'https://c.example/v1/metrics', 'https://c.example/v1/logs'],
    ['http://c.example:4318/', 'http://c.example:4318/v1/metrics', 'http://c.example:4318/v1/logs'],
    ['https://c.example/otlp', 'https://c.example/otlp/v1/metrics', 'https://c.example/otlp/v1/logs'],
    ['https://c.example/otlp/v1/metrics', 'https://c.example/otlp/v1/metrics', 'https://c.example/otlp/v1/logs'],
    ['https://c.example/v1/metrics?a=b', 'https://c.example/v1/metrics?a=b', 'https://c.example/v1/logs?a=b'],
  ])('with %s result in two URLs', (url, metricsUrl, logsUrl) => {
    expect(otlpSettings({ url })).toMatchObject({ metricsUrl, logsUrl })
    expect(otlpSettings({ url, logs: false }).logsUrl).toBeUndefined()
  })
})

test('a headers file has one header per line, and errors do not show the line', () => {
  const good = fileOf('# comment\nAuthorization: Bearer a:b\r\n\nX-Scope-OrgID:  7 \n', 'headers')
  expect(readHeaders(good)).toEqual({ Authorization: 'Bearer a:b', 'X-Scope-OrgID': '7' })
  for (const text of ['secret', 'Na me: secret', ': secret', 'Name: sec\u0001ret']) {
    const file = fileOf(`A: b\n${text}\n`, 'headers')
    expect(() => readHeaders(file)).toThrow(`${file}:2: this is no header`)
    expect(() => readHeaders(file)).not.toThrow(/secret/)
  }
})

test('an instance is a UUID', () => {
  expect(instanceId('uplinks.yaml')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[48][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

describe('netvia monitor --otlp', () => {
  test('pushes metrics and changes of state, with resource and headers', async () => {
    const { received, accepted, port } = startReceiver()
    const { server, port: checked } = await target()
    const headers = fileOf('Authorization: Bearer t0k3n\n', 'headers')
    const otlp = `otlp: { url: 'http://127.0.0.1:${await port}', interval: 200ms, attributes: { site: north } }\n`
    const monitor = startMonitor(`${otlp}window: 1s\n${tcpUplinks(['one', checked])}`, [
      '--json',
      '--otlp-headers',
      headers,
    ])
    const sees = (name: string, attributes: object) => () =>
      accepted('metrics')
        .at(-1)
        ?.points.find(
          point => point.name === name && Object.entries(attributes).every(([k, v]) => point.attributes[k] === v),
        )?.value
    await expect.poll(sees('netvia.uplink.state', { 'netvia.uplink.state': 'up' }), patience).toBe(1)
    await expect.poll(() => accepted('logs').length, patience).toBe(1)
    server.close()
    await expect.poll(sees('netvia.uplink.state', { 'netvia.uplink.state': 'down' }), patience).toBe(1)
    // Without measurements there is no point for a mean, and the last one isn't repeated.
    await expect.poll(sees('netvia.uplink.latency', {}), patience).toBeUndefined()
    await expect.poll(() => accepted('logs').length, patience).toBe(2)

    const [request] = accepted('metrics')
    expect(request!.url).toBe('/v1/metrics')
    expect(request!.headers).toMatchObject({ authorization: 'Bearer t0k3n', 'content-encoding': 'gzip' })
    expect(request!.headers['user-agent']).toMatch(/^netvia\/\d/)
    expect(request!.resource).toMatchObject({ site: 'north', 'service.name': 'netvia' })
    expect(request!.resource['host.name']).not.toBe('')
    expect(new Set(received.map(({ resource }) => resource['service.instance.id'])).size).toBe(1)
    const names = new Set(accepted('metrics').flatMap(({ points }) => points.map(({ name }) => name)))
    expect(names).toContain('netvia.config.last_reload_successful')
    expect(accepted('logs').flatMap(({ records }) => records)).toMatchObject([
      { eventName: 'netvia.uplink.state_change', severityText: 'INFO', attributes: { 'netvia.uplink.state': 'up' } },
      {
        severityText: 'ERROR',
        body: expect.stringMatching(/^one: up -> down \(3 bad rounds in a row/),
        attributes: {
          'netvia.uplink.name': 'one',
          'network.interface.name': 'lo',
          'netvia.uplink.previous_state': 'up',
        },
      },
    ])
    // The monitor pushes the last points when it ends.
    const before = accepted('metrics').length
    monitor.child.kill('SIGTERM')
    await monitor.ended
    expect(accepted('metrics').length).toBeGreaterThan(before)
    expect(monitor.said()).not.toContain('t0k3n')
  })

  test('keeps every point while the collector fails, and counts those beyond the limit', async () => {
    const { accepted, received, answer, port } = startReceiver()
    const { port: checked } = await target()
    const url = `http://127.0.0.1:${await port}/v1/metrics`
    const text = (maxPoints: number) =>
      `otlp: { url: '${url}', interval: 100ms, timeout: 2s, maxPoints: ${maxPoints} }\n${tcpUplinks(['one', checked])}`
    await answer(500)
    const monitor = startMonitor(text(100_000), ['--json'])
    await monitor.says(/"event":"push","signal":"metrics","state":"failing"/)
    await wait(1000)
    const accepting = Date.now()
    await answer(200)
    await monitor.says(/"event":"push","signal":"metrics","state":"delivered","waiting":0,"lost":0/)
    await expect.poll(() => accepted('metrics').length, patience).toBeGreaterThan(5)
    const times = accepted('metrics').map(({ points }) => points.find(({ kind }) => kind === 'gauge')!.at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    // They include the points from the time in which nothing was accepted.
    expect(received.some(({ signal, status }) => signal === 'metrics' && status === 500)).toBe(true)
    expect(times.filter(at => at < accepting).length).toBeGreaterThan(1)

    // A missing headers file changes nothing.
    const count = accepted('metrics').length
    writeFileSync(monitor.file, text(100_000).replace('timeout: 2s', 'headersFile: /nonexistent/headers'))
    monitor.child.kill('SIGHUP')
    await monitor.says(/ENOENT.*headers.*otlp continues as before/s)
    await expect.poll(() => accepted('metrics').length, patience).toBeGreaterThan(count + 5)

    // A new configuration with a smaller limit. SIGHUP keeps queued points.
    await answer(503)
    writeFileSync(monitor.file, text(60))
    monitor.child.kill('SIGHUP')
    await monitor.says(/"state":"dropping"/)
    await answer(200)
    const [, lost] = await monitor.says(/"signal":"metrics","state":"delivered","waiting":0,"lost":([1-9]\d*)/)
    const reported = () =>
      received
        .at(-1)!
        .points.find(
          ({ name, attributes }) => name === 'netvia.otlp.lost' && attributes['netvia.otlp.signal'] === 'metrics',
        )?.value
    await expect.poll(reported, patience).toBeGreaterThanOrEqual(Number(lost))
    monitor.child.kill('SIGTERM')
    expect(await schemaErrors(objects(await monitor.ended))).toEqual([])
    // On a busy machine, there are more and longer pauses between attempts.
  }, 180_000)

  test('reports refusals by the collector, and continues', async () => {
    const { answer, port, accepted } = startReceiver()
    const { port: checked } = await target()
    await answer(400)
    const monitor = startMonitor(tcpUplinks(['one', checked]), ['--otlp', `http://127.0.0.1:${await port}`])
    await monitor.says(/otlp: the collector refuses logs: status 400 Bad Request/)
    await answer(200)
    monitor.child.kill('SIGTERM')
    await monitor.ended
    expect(accepted('metrics')).toHaveLength(1)
  })

  test('names the packages to install if they are missing', async () => {
    // Makes Node's module resolution fail as if the packages weren't installed.
    const without = fileOf(
      `const Module = require('node:module')
const resolve = Module._resolveFilename
Module._resolveFilename = function (name, ...rest) {
  if (name === '@opentelemetry/sdk-logs') throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' })
  return resolve.call(this, name, ...rest)
}
`,
      'without.cjs',
    )
    const { port: checked } = await target()
    const args = ['--json', '--otlp', 'http://127.0.0.1:9']
    const monitor = startMonitor(tcpUplinks(['one', checked]), args, { NODE_OPTIONS: `--require ${without}` })
    const { code } = await monitor.ended
    expect(code).toBe(4)
    expect(monitor.said()).toContain('"code":"ERR_OPENTELEMETRY_NOT_FOUND"')
    expect(monitor.said()).toMatch(
      /otlp needs .*sdk-logs can't be loaded; .*npm install @opentelemetry\/sdk-metrics@2 /,
    )
  })
})
