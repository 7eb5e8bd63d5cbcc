import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { lab } from '../lab/index.js'

/** Waits until both uplinks have been idle for 100 ms, because the previous test's connections may still be closing. */
export async function quiet(): Promise<void> {
  const moved = () => JSON.stringify([lab.counters('wan1'), lab.counters('wan2')])
  for (let before = '', turns = 0; (before !== moved() || sayingGoodbye()) && turns < 50; turns++) {
    before = moved()
    await sleep(100)
  }
}

/**
 * TCP states in which the kernel retransmits, or will acknowledge the other end's FIN: SYN_SENT, FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING
 * (include/net/tcp_states.h).
 */
const unfinished = new Set(['02', '04', '05', '09', '0B'])

/** Whether the kernel may still send packets for a connection in this namespace. */
function sayingGoodbye() {
  return ['tcp', 'tcp6'].some(name =>
    readFileSync(`/proc/net/${name}`, 'utf8')
      .split('\n')
      .slice(1)
      .some(line => unfinished.has(line.trim().split(/\s+/)[3]!)),
  )
}
