import { monotonicNow } from '../monotonic.js'
import { setImmediate } from './timers.js'

/** Milliseconds that calls may run before timers get a turn. */
const longestTurn = 5

let startedAt: number | undefined

/** Avoids node:timers/promises, which loads more code than these lines. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

let shared: Promise<void> | undefined

/** The same promise for all calls of one turn. They go on together: each step is taken by all of them, then the next. */
export function sharedTurn(): Promise<void> {
  shared ??= nextTurn().then(() => {
    shared = undefined
  })
  return shared
}

/**
 * Returns a promise to await when the event loop is due a turn. Calls such as a ping of a near host can finish within one turn,
 * so a loop of them would otherwise starve everything else. Nearly always there is nothing to await.
 */
export function turnDue(): Promise<void> | undefined {
  if (startedAt === undefined) {
    startedAt = monotonicNow()
    setImmediate(() => {
      startedAt = undefined
    }).unref()
    return undefined
  }
  return monotonicNow() - startedAt > longestTurn ? nextTurn() : undefined
}
