import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { resetSocket } from '../../src/sockets/reset.js'

/** Both ends of a connection. The far end doesn't read yet. */
async function connected(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')])
  onTestFinished(() => {
    for (const end of [server.close(), near, far]) if ('destroy' in end) end.destroy()
  })
  return { near, far }
}

/** Whether the far end can't write any more. Node reports a reset after data as an end. */
async function isReset(far: Socket): Promise<boolean> {
  far.on('error', () => {}).resume()
  await Promise.race([once(far, 'end'), once(far, 'close')]).catch(() => {})
  return new Promise(resolve => far.write('x', error => resolve(error != null)))
}

test.each([
  ['nothing to send', (_near: Socket) => {}],
  ['more to send than the other end reads', (near: Socket) => near.write(Buffer.alloc(1 << 25))],
  ['a queued end', (near: Socket) => near.end(Buffer.alloc(1 << 25))],
])('a socket with %s is reset, and closes', async (_what, begin) => {
  const { near, far } = await connected()
  begin(near)
  const closed = once(near, 'close')
  resetSocket(near)
  await closed
  expect(await isReset(far)).toBe(true)
})

test('a socket whose end is in progress is reset, and closes', async () => {
  const { near, far } = await connected()
  near.end()
  const closed = once(near, 'close')
  resetSocket(near)
  await closed
  expect(far.destroyed).toBe(false)
})

test('a closed socket stays closed', async () => {
  const { near } = await connected()
  near.destroy()
  await once(near, 'close')
  resetSocket(near)
  expect(near.destroyed).toBe(true)
})
