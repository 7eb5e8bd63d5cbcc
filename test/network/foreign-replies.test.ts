import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { pings } from '../../src/index.js'
import { needs } from '../lab/index.js'

needs()

const host = '127.0.0.1'
const sender = fileURLToPath(new URL('foreign-replies.mjs', import.meta.url))

test.each(['raw', 'datagram'] as const)('20,000 replies to other programs never reach a %s socket', async kind => {
  const receive = vi.spyOn(addon(), 'receive')
  const stopped = new AbortController()
  let answered = 0
  const pinging = (async () => {
    for await (const { outcome } of pings(host, { kind, interval: 20, signal: stopped.signal })) {
      expect(outcome).toBe('reply')
      answered++
    }
  })().catch(error => expect(error).toBe(stopped.signal.reason))
  while (answered < 3) await new Promise(resolve => setTimeout(resolve, 20))
  await promisify(execFile)(process.execPath, [sender, host, '20000'])
  stopped.abort()
  await pinging
  const packets = receive.mock.results.reduce((sum, { value }) => sum + Math.max(0, value as number), 0)
  receive.mockRestore()
  expect(answered).toBeGreaterThan(3)
  // Each probe causes three packets: a reply and two transmit timestamps, for entering and leaving the device's queue.
  expect(packets).toBeLessThanOrEqual(3 * answered + 10)
})
