import { clearImmediate as clearNow, setImmediate as setNow, setTimeout } from 'node:timers'
import { promisify } from 'node:util'
import { nodeTimersPromises } from '../builtins.js'
import { isolated } from './isolated.js'

/** Of Node's own alone, a getter has the form with a promise. Fakes have a value, or nothing. */
const isFake = !Object.getOwnPropertyDescriptor(setNow, promisify.custom)?.get

/** What a fake can't replace: it calls Node's timers within their module. The prototype has it, whatever the object has. */
const scheduled = () => {
  const { scheduler } = nodeTimersPromises()
  const { wait, yield: turn } = Object.getPrototypeOf(scheduler) as typeof scheduler
  return { wait: wait.bind(scheduler), turn: turn.bind(scheduler) }
}

type Later = Pick<NodeJS.Immediate, 'unref'> & { wanted: boolean }

function setLater(callback: () => void): Later {
  const later: Later = { wanted: true, unref: () => later as never }
  scheduled()
    .turn()
    .then(() => later.wanted && isolated(callback))
  return later
}

function clearLater(later: Later | undefined): void {
  if (later) later.wanted = false
}

/**
 * Node's own, whenever a test puts fake timers in their place: what needs no time must not wait until the test moves its clock.
 * Another realm may have no setImmediate at all.
 */
export const [setImmediate, clearImmediate] = isFake
  ? ([setLater, clearLater] as never as [typeof setNow, typeof clearNow])
  : [setNow, clearNow]
const setReal = setTimeout

/** Lets the process end before this timer. A timer of a window (Electron, jsdom) is a number, which holds no process. */
export function unref<T>(timer: T): T {
  ;(timer as { unref?: () => void }).unref?.()
  return timer
}

/** For what takes time in the kernel, which no fake clock moves. */
export function pause(ms: number): Promise<void> {
  return isFake ? scheduled().wait(ms) : new Promise(resolve => setReal(resolve, ms))
}
