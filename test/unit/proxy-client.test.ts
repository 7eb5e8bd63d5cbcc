import { expect, onTestFinished, test, vi } from 'vitest'
import { Client } from '../../src/proxy/client.js'
import type { NearDescriptor } from '../../src/proxy/near-descriptor.js'

test('a client that has left while it was served leaves no time limit, which would keep the process running', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let leave = () => {}
  const near = { onEnd: (listener: () => void) => (leave = listener) } as unknown as NearDescriptor
  const client = new Client(near, '127.0.0.1', 10_000, () => {})
  client.heard()
  leave()
  client.wait()
  expect(vi.getTimerCount()).toBe(0)
})
