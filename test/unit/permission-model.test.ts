import dgram from 'node:dgram'
import net from 'node:net'
import { expect, test, vi } from 'vitest'
import { listen, openUdp } from '../../src/index.js'
import { openSockets } from './open-sockets.js'

/** What Node 26 throws with --permission and without --allow-net. Earlier ones restrict no sockets. */
function deny(): never {
  throw Object.assign(new Error('Access to this API has been restricted'), { code: 'ERR_ACCESS_DENIED' })
}

test('a server or UDP socket that the permission model of Node refuses is an error with a hint', async () => {
  const denied = { name: 'NetviaError', code: 'ERR_ACCESS_DENIED', hint: expect.stringContaining('--allow-net') }
  const before = await openSockets()
  using _bind = vi.spyOn(dgram.Socket.prototype, 'bind').mockImplementation(deny)
  await expect(openUdp()).rejects.toMatchObject(denied)
  expect(await openSockets()).toBe(before)
  using _listen = vi.spyOn(net.Server.prototype, 'listen').mockImplementation(deny)
  await expect(listen({ port: 0, host: '127.0.0.1' })).rejects.toMatchObject(denied)
})
