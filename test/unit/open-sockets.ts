import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** The inodes of the sockets that this process has open. */
function sockets(): Set<string> {
  const inodes = readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return /^socket:\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? []
    } catch {
      return []
    }
  })
  return new Set(inodes)
}

/** How many connections wait for these listening sockets to accept them. */
function waitingFor(own: ReadonlySet<string>): number {
  const lines = ['tcp', 'tcp6'].flatMap(name => readFileSync(`/proc/self/net/${name}`, 'utf8').split('\n').slice(1))
  return lines.reduce((sum, line) => {
    const [, , , state, queues, , , , , inode] = line.trim().split(/\s+/)
    return state === '0A' && own.has(inode!) ? sum + Number.parseInt(queues!.split(':')[1]!, 16) : sum
  }, 0)
}

/**
 * How many sockets this process has open, once that has not changed for 50 ms: Node closes its own a little later. Its servers must have
 * stopped accepting, too: Node accepts one connection in each turn of its loop, and may close another in the same turn for a long time.
 */
export async function openSockets(): Promise<number> {
  let count = sockets().size
  let waiting = 0
  for (let same = 0, turns = 0; same < 5 && turns < 200; turns++) {
    await wait(10)
    const now = sockets()
    const before = { count, waiting }
    count = now.size
    waiting = waitingFor(now)
    same = count === before.count && waiting === before.waiting ? same + 1 : 0
  }
  return count
}
