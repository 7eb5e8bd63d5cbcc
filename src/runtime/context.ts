import { nodeAsyncHooks } from '../builtins.js'
import { isolated } from './isolated.js'

/**
 * Returns what runs the program's code in the asynchronous context of now (AsyncLocalStorage). Callers share sockets and ticks, so
 * another caller's context may be current when a result arrives.
 */
export function presentContext(): <T>(work: () => T) => T {
  return nodeAsyncHooks().AsyncResource.bind(work => work())
}

/** The same for callbacks whose exceptions are the program's. */
export function isolatedContext(): (callback: () => void) => void {
  const inContext = presentContext()
  return callback => isolated(() => inContext(callback))
}
