import { expect, test } from 'vitest'
import { connectOnPath } from '../../src/protocols/tcp/connect.js'
import { Cancel } from '../../src/runtime/cancel.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { httpServer } from './http-servers.js'
import { openSockets } from './open-sockets.js'

const promises = async (count: number) => {
  for (let i = 0; i < count; i++) await undefined
}

test('all connections of a turn are started before the first is used', async () => {
  const port = await httpServer((_request, response) => void response.end())
  let used = 0
  const connections = []
  for (let i = 0; i < 3; i++) {
    const connection = connectOnPath({ host: '127.0.0.1', port, device: 'lo' })
    connection.then(() => used++)
    connections.push(connection)
    await promises(50)
  }
  expect(used).toBe(0)
  for (const { socket } of await Promise.all(connections)) {
    expect(descriptorOf(socket)).toBeGreaterThan(0)
    socket.destroy()
  }
})

test('a connection that is aborted in its first turn is closed', async () => {
  const port = await httpServer((_request, response) => void response.end())
  const before = await openSockets()
  const cancel = new Cancel()
  const outcome = connectOnPath({ host: '127.0.0.1', port, signal: cancel }).catch(error => error)
  await promises(50)
  const reason = new Error('enough')
  cancel.abort(reason)
  expect(await outcome).toBe(reason)
  // The server's socket stays open until the server notices.
  await expect.poll(openSockets).toBe(before)
})
