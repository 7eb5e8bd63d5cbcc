import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { readModules } from '../../src/cli/exporter/config/read.js'
import { ProbeLog } from '../../src/cli/exporter/log.js'
import { OwnMetrics } from '../../src/cli/exporter/own-metrics.js'
import { scrape } from '../../src/cli/exporter/scrape.js'
import { makeServer } from '../../src/cli/exporter/server.js'
import { Access } from '../../src/cli/monitor/web/access.js'
import type { Signal } from '../../src/runtime/cancel.js'
import { fileOf } from './monitor-command.js'

/** Starts a server whose /probe answers with the result of `probe`. */
async function serve(probe: (signal: Signal) => Promise<string>): Promise<string> {
  const exporter = {
    metrics: new OwnMetrics('0'),
    reload() {},
    probe: ({ signal }: { signal: Signal }) => probe(signal),
  }
  const server = makeServer(exporter, new Access(undefined)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/probe`
}

test('a response has a length, and is sent in one piece', async () => {
  const text = '# HELP é\n'
  const url = await serve(async () => text)
  const response = await fetch(url)
  expect(response.headers.get('content-length')).toBe('10')
  expect(response.headers.get('transfer-encoding')).toBe(null)
  expect(await response.text()).toBe(text)
})

test('a probe is aborted with its scrape, but not after the scrape was answered', async () => {
  const signals: Signal[] = []
  let finish: () => void
  const url = await serve(async signal => {
    signals.push(signal)
    if (signals.length === 1) return 'a\n'
    await new Promise<void>(resolve => {
      finish = resolve
    })
    return 'b\n'
  })
  await (await fetch(url, { headers: { connection: 'close' } })).text()
  const request = http.get(url)
  request.on('error', () => {})
  await expect.poll(() => signals.length).toBe(2)
  expect(signals[0]!.aborted).toBe(false)
  request.destroy()
  await expect.poll(() => signals[1]!.aborted).toBe(true)
  expect(signals[0]!.aborted).toBe(false)
  finish!()
})

test('a client that sends many requests in one write gets one probe at a time', async () => {
  let running = 0
  let most = 0
  const { port } = new URL(
    await serve(async () => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setTimeout(resolve, 10))
      running--
      return 'a\n'
    }),
  )
  const socket = connect(Number(port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write('GET /probe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(20))
  let told = ''
  for await (const data of socket) {
    told += data
    if (told.split('HTTP/1.1 200 ').length > 20) break
  }
  expect(most).toBe(1)
})

test('a client that sends no request is closed after some seconds', async () => {
  const { port } = new URL(await serve(async () => ''))
  const begun = performance.now()
  const answers = ['', 'GET /probe HTTP/1.1\r\n'].map(async head => {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(head)
    return String(Buffer.concat(await socket.toArray()))
  })
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 408 /)
  expect(performance.now() - begun).toBeGreaterThan(4000)
}, 60_000)

test('a log has a line in logfmt for each entry, with the time of the entry', async () => {
  const log = new ProbeLog({ module: 'icmp', target: 'a b' })
  log.add('info', 'Beginning probe', { size: 3, missing: undefined })
  const after = Date.now()
  await new Promise(resolve => setTimeout(resolve, 30))
  const [line] = log.lines()
  const [, time] = /^ts=(\S+) module=icmp target="a b" level=info msg="Beginning probe" size=3$/.exec(line!) ?? []
  expect(Date.parse(time!)).toBeLessThanOrEqual(after)
})

test('a request for more devices than a machine has uplinks is refused, before anything is probed', async () => {
  const { modules, written } = readModules(fileOf('modules: { icmp: { prober: icmp } }', 'blackbox.yml'))
  const parameters = new URLSearchParams({ module: 'icmp', target: '127.0.0.1' })
  for (let index = 0; index < 65; index++) parameters.append('device', `wan${index}`)
  const request = { parameters, timeoutHeader: undefined, timeoutOffset: 0, userAgent: '' }
  await expect(
    scrape({ modules, written }, { ...request, signal: new AbortController().signal }),
  ).rejects.toMatchObject({
    status: 400,
    message: 'more than 64 devices in a request',
  })
})
