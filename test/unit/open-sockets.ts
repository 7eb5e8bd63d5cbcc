import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** The inodes of this process's open sockets. */
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

/** The number of connections in the accept queues of these listening sockets. */
function waitingFor(own: ReadonlySet<string>): number {
  const lines = ['tcp', 'tcp6'].flatMap(name => readFileSync(`/proc/self/net/${name}`, 'utf8').split('\n').slice(1))
  return lines.reduce((sum, line) => {
    const [, , , state, queues, , , , , inode] = line.trim().split(/\s+/)
    return state === '0A' && own.has(inode!) ? sum + Number.parseInt(queues!.split(':')[1]!, 16) : sum
  }, 0)
}

/**
 * The inodes of this process's open sockets, once their number hasn't changed for 50 ms, because Node closes sockets with a delay. The
 * accept queues must not change either: Node accepts one connection per turn of its loop and may close another in the same turn, which
 * hides both.
 */
export async function settledSockets(): Promise<ReadonlySet<string>> {
  let open = sockets()
  let waiting = 0
  for (let same = 0, turns = 0; same < 5 && turns < 200; turns++) {
    await wait(10)
    const before = { count: open.size, waiting }
    open = sockets()
    waiting = waitingFor(open)
    same = open.size === before.count && waiting === before.waiting ? same + 1 : 0
  }
  return open
}

/** Their number. */
export async function openSockets(): Promise<number> {
  return (await settledSockets()).size
}
