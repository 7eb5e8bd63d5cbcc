import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { makeRunner } from '../../src/monitor/checks/check-runner.js'
import { probe } from '../../src/monitor/checks/probe.js'
import { type LinkFacts, LinkHistory } from '../../src/monitor/link/link-fault.js'
import { watchLinks } from '../../src/monitor/link/link-watch.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { UplinkCheck } from '../../src/monitor/options.js'
import type { Outcome } from '../../src/monitor/state/state-machine.js'
import { requires } from './requirements.js'

function run(check: UplinkCheck, path = {}, timeout = 1000): Promise<Outcome> {
  return new Promise<Outcome>(resolve => {
    const runner = makeRunner(check, { path, timeout, prompt: true }, outcome => {
      resolve(outcome)
      runner.cancel()
    })
    runner.run()
  })
}

async function httpServer() {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/bad' ? 500 : 200).end('fine')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

const passed = { ok: true, local: false, latencyMs: expect.any(Number), error: null }
const failed = (error: unknown, local = false) => ({ ok: false, local, latencyMs: null, error })

describe('a check', () => {
  beforeEach(context => requires(context, 'ping'))

  test('that passes has a latency', async () => {
    const { server, port } = await httpServer()
    for (const check of [
      { type: 'ping', host: '127.0.0.1' },
      { type: 'ping', host: 'localhost', family: 4, payloadSize: 8 },
      { type: 'http', url: `http://127.0.0.1:${port}/`, expectBody: 'fine' },
      { type: 'tcp', host: '127.0.0.1', port },
    ] satisfies UplinkCheck[]) {
      expect([check.type, await run(check, { device: 'lo' })]).toEqual([check.type, passed])
    }
    server.close()
  })

  test('whose answer waits for this process is not slower', async () => {
    const stopped = 2000
    const server = createServer((_request, response) => {
      for (const end = performance.now() + stopped; performance.now() < end; );
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { ok, latencyMs } = await run({ type: 'http', url: `http://127.0.0.1:${port}/` })
    expect(ok).toBe(true)
    expect(latencyMs).toBeLessThan(stopped)
    server.close()
  })

  test('has a latency, however long this process is busy after the answer', async () => {
    const [slow, stopped] = [1000, 3000]
    const server = createServer((_request, response) => {
      setTimeout(() => {
        response.write('first')
        // In a later turn, the check has read the header.
        setTimeout(() => {
          for (const end = performance.now() + stopped; performance.now() < end; );
          response.end()
        }, 100)
      }, slow)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { ok, latencyMs } = await run(
      { type: 'http', url: `http://127.0.0.1:${port}/`, expectBody: 'first' },
      {},
      60_000,
    )
    expect(ok).toBe(true)
    expect(latencyMs).toBeGreaterThan(0)
    server.close()
  })

  test('that the network fails has the reason, and is no local failure', async () => {
    const { server, port } = await httpServer()
    expect(await run({ type: 'http', url: `http://127.0.0.1:${port}/bad` })).toEqual(
      failed('the status is 500, expected 200 to 399'),
    )
    server.close()
    expect(await run({ type: 'tcp', host: '127.0.0.1', port: 1 })).toEqual(
      failed(expect.stringContaining('ECONNREFUSED')),
    )
    const servers = ['127.0.0.1:1']
    expect(await run({ type: 'dns', name: 'example.com', servers }, {}, 300)).toEqual(failed(expect.any(String)))
  })

  test('whose name server is silent reports that, with its address', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    await once(server, 'listening')
    const silent = `127.0.0.1:${server.address().port}`
    for (const check of [
      { type: 'http', url: 'http://check.example/', servers: [silent] },
      { type: 'dns', name: 'check.example', servers: [silent] },
    ] satisfies UplinkCheck[]) {
      expect(await run(check)).toEqual(failed(`DNS: no answer from ${silent}`))
    }
    server.close()
  })

  test('that this machine refuses is a local failure', async () => {
    const nowhere = { device: 'nowhere0' }
    for (const check of [
      { type: 'ping', host: '127.0.0.1' },
      { type: 'http', url: 'http://127.0.0.1/' },
      { type: 'tcp', host: '127.0.0.1', port: 1 },
    ] satisfies UplinkCheck[]) {
      expect(await run(check, nowhere)).toEqual(failed(expect.stringContaining('ENODEV'), true))
    }
    // The kernel sends nothing to a broadcast address without SO_BROADCAST.
    expect(await run({ type: 'ping', host: '127.255.255.255' })).toMatchObject({ ok: false, local: true })
  })

  test('ends with the signal', async () => {
    const controller = new AbortController()
    const running = probe({ type: 'dns', name: 'example.com', servers: ['127.0.0.1:9'] }, {}, 5000, controller.signal)
    controller.abort(new Error('enough'))
    expect(await running).toEqual(failed('enough'))
  })
})

test('links are reported immediately, including those of missing devices', () => {
  const told: [string, LinkFacts][] = []
  const failures: unknown[] = []
  const end = watchLinks(
    new Map(['lo', 'nowhere0'].map(device => [device, new LinkHistory()])),
    (...facts) => told.push(facts),
    error => failures.push(error),
  )
  end()
  expect(failures).toEqual([])
  expect(Object.fromEntries(told)).toEqual({
    lo: { fault: null, lost: [] },
    nowhere0: { fault: 'no such device', lost: [] },
  })
})

test('a real monitor on loopback', async context => {
  requires(context, 'ping')
  const { server, port } = await httpServer()
  await using monitor = new UplinkMonitor({
    interval: 30,
    up: 2,
    uplinks: [
      {
        name: 'loop',
        device: 'lo',
        checks: [
          { type: 'ping', host: '127.0.0.1' },
          { type: 'http', url: `http://127.0.0.1:${port}/` },
        ],
      },
      { name: 'missing', device: 'nowhere0', checks: [{ type: 'ping', host: '127.0.0.1' }] },
    ],
  })
  monitor.start()
  await expect.poll(() => monitor.snapshot().uplinks[0]!.state).toBe('up')
  expect(monitor.snapshot().uplinks).toMatchObject([
    { state: 'up', lossRatio: 0, latencyMs: expect.any(Number), linkFault: null, checks: [{ ok: true }, { ok: true }] },
    { state: 'down', reason: 'no such device', lossRatio: null, checks: [null] },
  ])
  server.close()
})

test('it keeps the process alive only while it runs', async context => {
  requires(context, 'ping')
  const code = `
    const { UplinkMonitor } = require('./dist/index.cjs')
    const uplinks = [{ name: 'loop', checks: [{ type: 'ping', host: '127.0.0.1' }] }]
    const monitor = new UplinkMonitor({ interval: 20, uplinks })
    let checks = 0
    monitor.on('check', async ({ ok }) => {
      if (++checks < 5) return
      await monitor.stop()
      console.log(ok, checks)
    })
    monitor.start()`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code], { timeout: 20_000 })
  expect(stdout).toBe('true 5\n')
})
