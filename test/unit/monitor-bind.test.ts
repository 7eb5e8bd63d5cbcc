import { createServer } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { listening, whenThere } from '../../src/cli/monitor/web/bind.js'

function lateAddress(missing: number, code = 'EADDRNOTAVAIL') {
  const server = createServer()
  onTestFinished(() => void server.close())
  const listen = server.listen.bind(server)
  vi.spyOn(server, 'listen').mockImplementation(((port: number, host: string) => {
    if (missing-- <= 0) return listen(port, host)
    process.nextTick(() => server.emit('error', Object.assign(new Error(code), { code })))
    return server
  }) as never)
  return server
}

const address = { host: '127.0.0.1', port: 0, loopback: true }

test('binding waits for an address that this machine does not have yet', async () => {
  const server = lateAddress(2)
  const waiting = vi.fn()
  expect(await whenThere(() => listening(server, address), new AbortController().signal, waiting)).toBe(server)
  expect(waiting).toHaveBeenCalledOnce()
  expect(server.listening).toBe(true)
})

test('the signal ends the wait, and other errors end it immediately', async () => {
  const controller = new AbortController()
  const never = lateAddress(99)
  const listen = () => listening(never, address)
  expect(await whenThere(listen, controller.signal, () => controller.abort())).toBe(undefined)
  const taken = lateAddress(99, 'EADDRINUSE')
  await expect(
    whenThere(
      () => listening(taken, address),
      new AbortController().signal,
      () => {},
    ),
  ).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
