import { expect, test } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { openDescriptor } from '../../src/sockets/open.js'
import { trySetOption } from '../../src/sockets/options.js'
import { SendBatch } from '../../src/sockets/send-batch.js'
import { callCounts, inject } from './inject.js'

const open = () => openDescriptor(4, 'datagram', 0, { localAddress: '127.0.0.1' })

test('a call fails with the given error, as often as requested, and is counted', () => {
  const before = callCounts().socket!
  const end = inject({ call: 'socket', error: 'EMFILE', skip: 1, times: 2 })
  addon().close(open())
  expect(open).toThrow(/^socket EMFILE/)
  expect(open).toThrow(/^socket EMFILE/)
  addon().close(open())
  expect(end()).toEqual([2])
  expect(callCounts().socket! - before).toBe(4)
})

test('one socket option fails and the others work; after the end all work', () => {
  const fd = open()
  try {
    const end = inject({ call: 'setsockopt', option: 'SO_TIMESTAMPING', error: 'ENOPROTOOPT' })
    expect(trySetOption(fd, 'SO_TIMESTAMPING', 0)).toBe(-92)
    expect(trySetOption(fd, 'SO_BROADCAST', 1)).toBe(0)
    end()
    expect(trySetOption(fd, 'SO_TIMESTAMPING', 0)).toBe(0)
  } finally {
    addon().close(fd)
  }
})

test('a batch is cut short', () => {
  const fd = open()
  try {
    const address = new Uint8Array(16)
    addon().getsockname(fd, address)
    const batch = new SendBatch()
    for (let i = 0; i < 5; i++) batch.add(new Uint8Array(8), address)
    using _ = inject({ call: 'sendmmsg', limit: 2, times: 1 })
    expect(batch.send(fd)).toBe(2)
    expect(batch.send(fd, 2)).toBe(3)
  } finally {
    addon().close(fd)
  }
})
