import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { EventLog } from '../../src/cli/monitor/web/event-log.js'
import { EventStreams } from '../../src/cli/monitor/web/event-streams.js'
import { PageSnapshots } from '../../src/cli/monitor/web/page-snapshot.js'
import { type StateEvent, UplinkMonitor } from '../../src/index.js'

/** A client that hasn't read a first snapshot, which is larger than the socket buffers. */
async function slowReader() {
  const checks = [{ type: 'ping' as const, host: '127.0.0.1' }]
  const uplinks = Array.from({ length: 8000 }, (_, i) => ({ name: String(i).padStart(255, 'x'), checks }))
  const monitor = new UplinkMonitor({ uplinks })
  const log = new EventLog(monitor)
  log.start()
  const streams = new EventStreams(new PageSnapshots(monitor, () => false), log)
  const server = createServer((_request, response) => streams.open(response, undefined, true))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  onTestFinished(() => {
    client.destroy()
    streams.close()
    log.stop()
    server.close()
  })
  const asked = once(server, 'request')
  client.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  const [, response] = (await asked) as [unknown, ServerResponse]
  return { monitor, client, response }
}

test('a slow reader gets a large snapshot completely, and then the next', async () => {
  const { client, response } = await slowReader()
  // In this time, other clients would have received three snapshots.
  await sleep(3200)
  expect(response.writableLength).toBeGreaterThan(2 ** 22)
  let snapshots = 0
  client.setEncoding('latin1').on('data', (text: string) => {
    snapshots += text.split('event: snapshot').length - 1
  })
  await expect.poll(() => snapshots, { timeout: 15_000 }).toBeGreaterThan(2)
  expect(response.closed).toBe(false)
})

test('a reader that stops reading is disconnected, and its events do not accumulate in memory', async () => {
  const { monitor, response } = await slowReader()
  const event: StateEvent = { uplink: 'x', from: 'up', to: 'down', reason: 'y'.repeat(2 ** 18), at: 0 }
  for (let i = 0; i < 4; i++) monitor.emit('state', event)
  expect(response.destroyed).toBe(false)
  for (let i = 0; i < 4; i++) monitor.emit('state', event)
  expect(response.destroyed).toBe(true)
})
