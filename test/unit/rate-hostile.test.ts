import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { measureRate } from '../../src/index.js'
import { protocolName } from '../../src/line/rate/channel.js'
import { openSockets } from './open-sockets.js'

const options = { token: 'sixteen letters!', duration: 1000, maxBytes: 100_000, connections: 1, timeout: 2000 }

/** Counters of a successful load, one row for every 0.1 s. */
const rows = Array.from({ length: 12 }, (_, i) => [100 * i + 1, ...Array(3).fill(1000 * i), 0, 100 * i, 0, 0, 1, 1, 0])
const report = `${JSON.stringify({ samples: rows })}\n`
const grant = (more: string) => `{"session":"a",${more}}\n`

/** A server that speaks the protocol, with messages from the test. */
async function lying(says: {
  grant: string
  down?: (carriers: readonly Socket[]) => void
  /** The number of connections that it accepts. Default: all. */
  takes?: number
}): Promise<{ server: string; received: () => number }> {
  const carriers: { down: Socket[]; up: Socket[] } = { down: [], up: [] }
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.write(`${JSON.stringify({ protocol: protocolName, nonce: 'n' })}\n`)
    socket.on('data', data => {
      const { do: what, direction, start, stop } = JSON.parse(`${data}`.startsWith('{') ? `${data}` : '{}')
      if (what === 'measure') socket.write(says.grant)
      if (what === 'carry' && carriers.down.length === says.takes) socket.destroy()
      else if (what === 'carry') {
        carriers[direction as 'down' | 'up'].push(socket)
        socket.write('{"ready":true}\n')
      }
      if (start === 'down') says.down?.(carriers.down)
      if (start === 'down') setTimeout(() => socket.write(report), 200)
      if (stop) socket.write('{"active":0}\n')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return {
    server: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => carriers.up.reduce((total, { bytesRead }) => total + bytesRead, 0),
  }
}

test.each([
  ['a negative time', '"milliseconds":-5,"bytes":1000'],
  ['no time at all', '"milliseconds":0,"bytes":1000'],
  ['no bytes', '"milliseconds":1000,"bytes":0'],
  ['half a byte', '"milliseconds":1000,"bytes":0.5'],
])('a server that grants %s is no rate server, and that is not a local error', async (_what, words) => {
  const { server } = await lying({ grant: grant(words) })
  const before = await openSockets()
  expect(await measureRate(server, options)).toMatchObject({ ok: false, error: { code: 'EPROTO', syscall: 'rate' } })
  await expect.poll(openSockets, { timeout: 10_000 }).toBe(before)
})

test('a server that grants more than requested gets no more', async () => {
  const { server, received } = await lying({ grant: grant('"milliseconds":1e999,"bytes":1e300') })
  // There is no rate, because all bytes are sent within the first 0.1 s.
  await measureRate(server, options)
  expect(received()).toBeGreaterThan(options.maxBytes)
  expect(received()).toBeLessThan(options.maxBytes + 1000)
})

test('a server that sends more than it may is cut off', async () => {
  const flood = ([carrier]: readonly Socket[]) => {
    const more = () => carrier?.writable && carrier.write(Buffer.alloc(65_536), more)
    more()
  }
  const { server } = await lying({ grant: grant('"milliseconds":1000,"bytes":100000'), down: flood })
  expect(await measureRate(server, options)).toMatchObject({
    ...{ ok: false, down: undefined },
    error: { code: 'EPROTO', message: expect.stringContaining('more than') },
  })
})

test('if one connection is refused, none of the others stays open', async () => {
  const { server } = await lying({ grant: grant('"milliseconds":1000,"bytes":100000'), takes: 2 })
  const before = await openSockets()
  const { ok } = await measureRate(server, { ...options, connections: 3 })
  expect(ok).toBe(false)
  await expect.poll(openSockets, { timeout: 10_000 }).toBe(before)
})

test('the reason of a refusal is shown as foreign text', async () => {
  const { server } = await lying({ grant: `{"refused":"\\u001b[31m${'x'.repeat(1000)}"}\n` })
  const { error } = await measureRate(server, options)
  expect(error).toMatchObject({ code: 'ERR_RATE_REFUSED' })
  expect(error!.message).toContain('the server refuses: "\\u001b[31mxxx')
  expect(error!.message.length).toBeLessThan(400)
})
