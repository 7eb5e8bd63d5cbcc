import type { RequestListener } from 'node:http'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/cli/monitor/config.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import { closedPort, httpServer } from './http-servers.js'

const example = fileURLToPath(new URL('../../examples/router/uplinks.yaml', import.meta.url))

const answer =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(status === 204 ? undefined : 'Please sign in')

/** Watches the example configuration's first uplink, with targets on loopback. */
async function watch(listener: RequestListener, ping = '127.0.0.1') {
  const { stateFile: _file, uplinks, ...options } = readConfig(example)
  const url = `http://127.0.0.1:${await httpServer(listener)}/generate_204`
  const checks = uplinks[0]!.checks.map(check => {
    if (check.type === 'http') return { ...check, url }
    return check.type === 'ping' ? { ...check, host: ping } : check
  })
  const { device: _device, ...uplink } = uplinks[0]!
  const monitor = new UplinkMonitor({ ...options, interval: 50, uplinks: [{ ...uplink, checks }] })
  monitor.start()
  onTestFinished(() => monitor.stop())
  await expect.poll(() => monitor.snapshot().uplinks[0]!.state, { timeout: 20_000 }).not.toBe('unknown')
  return monitor.snapshot().uplinks[0]!
}

test('with the expected page, the uplink is up', async () => {
  expect(await watch(answer(204))).toMatchObject({ state: 'up' })
})

test('a redirect to a sign-in page takes it down, with the reason', async () => {
  const location = `http://localhost:${closedPort}/login`
  const { state, reason } = await watch(answer(302, { location }))
  expect(state).toBe('down')
  expect(reason).toMatch(
    /^\d+ bad rounds in a row: http http:\/\/127.*: the status is 302, expected 204; .*captive portal/,
  )
  expect(reason).not.toContain('ping')
})

test('so does 200 for everything, as behind a name server that returns its own address', async () => {
  const { state, reason } = await watch(answer(200))
  expect(state).toBe('down')
  expect(reason).toMatch(/the status is 200, expected 204; this looks like a captive portal$/)
})
