import type { Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { BoundSockets } from '../../src/protocols/http/bound-sockets.js'
import { bindToDevice, openDescriptor } from '../../src/sockets/open.js'

/** A connection in a pool: it has a descriptor on a device, or none after it was destroyed. */
function connection(device: string | undefined): Socket {
  const fd = openDescriptor(4, 'stream', 0, { device })
  onTestFinished(() => void addon().close(fd))
  const socket = {
    destroyed: false,
    _handle: { fd } as { fd: number } | null,
    once: () => socket,
    destroy() {
      this.destroyed = true
      this._handle = null
    },
  }
  return socket as unknown as Socket
}

test('the kernel is asked about only one connection, even if many have just ended', () => {
  const sockets = new BoundSockets()
  const ended = Array.from({ length: 100 }, () => connection('lo'))
  const open = connection('lo')
  for (const socket of [...ended, open]) sockets.add(socket, 'lo')
  for (const socket of ended) socket.destroy()
  const asked = vi.spyOn(addon(), 'getOption')
  onTestFinished(() => asked.mockRestore())
  sockets.dropDead()
  expect(asked).toHaveBeenCalledTimes(1)
  expect(open.destroyed).toBe(false)
})

test('sockets that left the device are destroyed with an error, and the others stay', () => {
  const sockets = new BoundSockets()
  const [lost, ended, bound] = [connection(undefined), connection('lo'), connection('lo')]
  for (const socket of [ended, lost, bound]) sockets.add(socket, 'lo')
  ended.destroy()
  const dropped: Socket[] = []
  sockets.dropDead(socket => dropped.push(socket))
  expect(dropped).toEqual([lost])
  expect([lost.destroyed, bound.destroyed]).toEqual([true, false])
})

test('a binding that the kernel accepts but does not apply is detected before anything is sent', () => {
  const fd = openDescriptor(4, 'datagram', 0, {})
  const set = vi.spyOn(addon(), 'setOption').mockReturnValue(0)
  onTestFinished(() => {
    set.mockRestore()
    addon().close(fd)
  })
  const notBound = expect.objectContaining({ code: 'ERR_DEVICE_NOT_BOUND', device: 'lo' })
  // test/faults has the same test for descriptors that are bound when they are opened.
  expect(() => bindToDevice(fd, 'lo')).toThrow(notBound)
})
