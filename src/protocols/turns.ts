import { setImmediate as nextTurn } from 'node:timers/promises'

/** In ms: a timer is late by no more. */
const longestTurn = 5

let startedAt: number | undefined

/**
 * For calls that may be over within one turn of the event loop, as a ping of a near host is: in a loop of such calls nothing else
 * would ever have its turn. To be awaited where it is due; nearly always that costs nothing.
 */
export function turnDue(): Promise<void> | undefined {
  if (startedAt === undefined) {
    startedAt = performance.now()
    setImmediate(() => {
      startedAt = undefined
    }).unref()
    return undefined
  }
  return performance.now() - startedAt > longestTurn ? nextTurn() : undefined
}
