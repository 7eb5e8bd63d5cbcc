import { expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { Watch } from '../../src/binding/poller.js'
import { openDescriptor } from '../../src/sockets/open.js'

const { EPOLLOUT } = addon().constants

test('a closed watch gets no events of the next descriptor with the same number', async () => {
  const fd = openDescriptor(4, 'datagram', 0, {})
  const closed = new Watch(fd, () => {})
  closed.close()
  addon().close(fd)
  expect(openDescriptor(4, 'datagram', 0, {})).toBe(fd)
  onTestFinished(() => void addon().close(fd))
  let reported = 0
  const watch = new Watch(fd, () => reported++)
  watch.arm(EPOLLOUT!)
  expect(() => closed.arm(EPOLLOUT!)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  await expect.poll(() => reported).toBe(1)
  closed.close()
  watch.arm(EPOLLOUT!)
  await expect.poll(() => reported).toBe(2)
  watch.close()
})

test('a closed watch stays silent, and only one with a pending event costs a system call', async () => {
  const fd = openDescriptor(4, 'datagram', 0, {})
  onTestFinished(() => void addon().close(fd))
  const unwatch = vi.spyOn(addon(), 'unwatch')
  onTestFinished(() => unwatch.mockRestore())
  let [first, second, third] = [0, 0, 0]
  const reported = new Watch(fd, () => first++)
  reported.arm(EPOLLOUT!)
  await expect.poll(() => first).toBe(1)
  reported.close()
  expect(unwatch).not.toHaveBeenCalled()
  const due = new Watch(fd, () => second++)
  due.arm(EPOLLOUT!)
  due.close()
  expect(unwatch).toHaveBeenCalledExactlyOnceWith(fd)
  const last = new Watch(fd, () => third++)
  last.arm(EPOLLOUT!)
  await expect.poll(() => third).toBe(1)
  last.close()
  expect([first, second, third]).toEqual([1, 0, 1])
})
