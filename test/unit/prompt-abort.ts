import { expect } from 'vitest'
import { atOnce } from './at-once.js'
import { settledSockets } from './open-sockets.js'

/** Aborts the call that `begin` starts once it waits. Expects an immediate rejection with the reason, and no open sockets. */
export async function expectPromptAbort(begin: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const before = await settledSockets()
  // Others may close meanwhile.
  const opened = async () => [...(await settledSockets())].filter(inode => !before.has(inode))
  const controller = new AbortController()
  const outcome = begin(controller.signal).catch(error => error)
  await expect.poll(opened).not.toEqual([])
  const reason = new Error('enough')
  const start = performance.now()
  controller.abort(reason)
  expect(await outcome).toBe(reason)
  expect(performance.now() - start).toBeLessThan(atOnce)
  expect(await opened()).toEqual([])
}
