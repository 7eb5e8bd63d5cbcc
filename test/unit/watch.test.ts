import { expect, onTestFinished, test } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { Watch } from '../../src/binding/poller.js'
import { openDescriptor } from '../../src/sockets/open.js'

const { EPOLLOUT } = addon().constants

test('a watch that was closed takes no reports of the next descriptor with the same number', async () => {
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
