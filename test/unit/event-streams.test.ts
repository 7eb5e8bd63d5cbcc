import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { EventLog } from '../../src/cli/monitor/event-log.js'
import { EventStreams } from '../../src/cli/monitor/event-streams.js'
import { History, ranges } from '../../src/cli/monitor/history.js'
import { UplinkMonitor } from '../../src/index.js'

test('a reader who takes nothing is let go, not waited for in memory', async () => {
  // One snapshot is more than what a socket holds.
  const name = 'x'.repeat(2 ** 23)
  const monitor = new UplinkMonitor({ uplinks: [{ name, checks: [{ type: 'ping', host: '127.0.0.1' }] }] })
  const streams = new EventStreams(monitor, new History(monitor), new EventLog(monitor))
  const server = createServer((_request, response) => streams.open(response, undefined, ranges[0])).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ host: '127.0.0.1', port })
  try {
    const asked = once(server, 'request')
    client.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    const [, response] = (await asked) as [unknown, ServerResponse]
    if (!response.closed) await once(response, 'close')
    expect(response.writableFinished).toBe(false)
  } finally {
    streams.close()
    server.close()
    client.destroy()
  }
})
