import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

function countSockets(): number {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length
}

/** How many sockets this process has open, once that has not changed for 50 ms: Node closes its own a little later. */
export async function openSockets(): Promise<number> {
  let count = countSockets()
  for (let same = 0, turns = 0; same < 5 && turns < 200; turns++) {
    await wait(10)
    const now = countSockets()
    same = now === count ? same + 1 : 0
    count = now
  }
  return count
}
