import { once } from 'node:events'
import { createServer } from 'node:net'
import { constants } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { checkTcp, connect, resolve, scanPorts } from '../../src/index.js'
import { encodeAddress } from '../../src/sockets/address.js'
import { a, fakeServer } from './dns-fake-server.js'
import { openSockets } from './open-sockets.js'

const host = '127.0.0.1'

/** Makes getsockname fail in the check for self-connections. The buffer has the target's port, as if left from an earlier call. */
function refuse(port: number): void {
  const { getsockname } = addon()
  vi.spyOn(addon(), 'getsockname').mockImplementation((fd, address) => {
    const { stack = '' } = new Error()
    if (!stack.includes('meetsItself')) return getsockname(fd, address)
    address.set(encodeAddress(host, port))
    return -constants.errno.ENOBUFS
  })
  onTestFinished(() => void vi.restoreAllMocks())
}

test('a connection whose local port the kernel does not report has no verdict, and is closed', async () => {
  const server = createServer(socket => socket.on('error', () => {}).end()).listen(0, host)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const names = await fakeServer(() => ({ answers: [a('a.test', host)] }))
  onTestFinished(names.close)
  const { port } = server.address() as { port: number }
  const before = await openSockets()
  const unknown = { code: 'ENOBUFS', syscall: 'getsockname' }
  refuse(port)
  await expect(connect({ host, port })).rejects.toMatchObject(unknown)
  await expect(checkTcp({ host, port })).rejects.toMatchObject(unknown)
  await expect(scanPorts(host, { ports: [port] }).open()).rejects.toMatchObject(unknown)
  await expect(resolve('a.test', { type: 'TXT', servers: [names.server], timeout: 1000 })).rejects.toMatchObject({
    code: 'ENOBUFS',
  })
  expect(await openSockets()).toBe(before)
})
