import { expect, test } from 'vitest'
import { fired } from '../../src/cli/shared/interrupt.js'

test('waiting for a signal that has already fired returns immediately', async () => {
  await fired(AbortSignal.abort())
  const controller = new AbortController()
  let ended = false
  const waiting = fired(controller.signal).then(() => {
    ended = true
  })
  await new Promise(resolve => setImmediate(resolve))
  expect(ended).toBe(false)
  controller.abort()
  await waiting
})
