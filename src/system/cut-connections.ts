import { readdirSync, readlinkSync } from 'node:fs'
import { addon } from '../binding/addon.js'

/** See `cut` of `ConfinedProgram`. */
export function cutConnections(device: string): number {
  const name = Buffer.from(`${device}\0`)
  let count = 0
  for (const pid of numbersIn('/proc')) {
    for (const fd of numbersIn(`/proc/${pid}/fd`)) {
      if (isSocket(`/proc/${pid}/fd/${fd}`) && addon().programCut(name, pid, fd) > 0) count++
    }
  }
  return count
}

/** None where the process has ended, or belongs to somebody else. */
function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/** Only sockets are copied: the last copy of another descriptor may do something when it is closed. */
function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(descriptor).startsWith('socket:')
  } catch {
    return false
  }
}
