import { expect, test, vi } from 'vitest'
import { Cancel, toAbortSignal } from '../../src/runtime/cancel.js'

/** Uses a signal in many ways, and records its calls and values. */
function story(signal: Pick<AbortSignal, 'addEventListener' | 'removeEventListener' | 'aborted'>, abort: () => void) {
  const calls: string[] = []
  const twice = () => calls.push(`twice, aborted: ${signal.aborted}`)
  const removed = () => calls.push('removed')
  const later = () => calls.push('later')
  signal.addEventListener('abort', twice)
  signal.addEventListener('abort', twice)
  signal.addEventListener('abort', removed)
  signal.addEventListener('abort', () => signal.removeEventListener('abort', later))
  signal.addEventListener('abort', later)
  signal.removeEventListener('abort', removed)
  abort()
  abort()
  signal.addEventListener('abort', () => calls.push('too late'))
  return calls
}

test('it has the reason of its AbortSignal', () => {
  const controller = new AbortController()
  const cancel = new Cancel()
  const calls = story(cancel, () => cancel.abort('why'))
  expect(calls).toEqual(['twice, aborted: true'])
  expect(calls).toEqual(story(controller.signal, () => controller.abort('why')))
})

test('the first reason counts', () => {
  const cancel = new Cancel()
  expect(() => cancel.throwIfAborted()).not.toThrow()
  cancel.abort('first')
  cancel.abort('second')
  expect(cancel.reason).toBe('first')
  expect(() => cancel.throwIfAborted()).toThrow('first')
})

test('it behaves like an AbortSignal, before and after an abort', () => {
  const cancel = new Cancel()
  const signal = toAbortSignal(cancel)
  const listener = vi.fn()
  signal.addEventListener('abort', listener)
  cancel.abort('why')
  expect(listener).toHaveBeenCalledOnce()
  expect([signal.reason, toAbortSignal(cancel).reason]).toEqual(['why', 'why'])
})
