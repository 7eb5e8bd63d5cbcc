import { monotonicNow } from '../monotonic.js'

/** In ms: a timer is late by no more. */
const longestTurn = 5

let startedAt: number | undefined

/** Without node:timers/promises, which loads more than these lines. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/**
 * For calls that may be over within one turn of the event loop, as a ping of a near host is: in a loop of such calls nothing else
 * would ever have its turn. To be awaited where it is due; nearly always that costs nothing.
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
