import { clearImmediate as clearNow, setImmediate as setNow, setTimeout } from 'node:timers'

/**
 * Node's own, taken before a test puts fake timers in their place: what needs no time must not wait until the test moves its
 * clock. Another realm may have no setImmediate at all.
 */
export const [setImmediate, clearImmediate] = [setNow, clearNow]
const setReal = setTimeout

/** For what takes time in the kernel, which no fake clock moves. */
export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setReal(resolve, ms))
}
