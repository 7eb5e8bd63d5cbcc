import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { lab } from '../lab/index.js'

/** Checks, 100 ms apart: a neighbour entry takes up to 5 s until the kernel probes it, and 3 s until it has failed. */
const mostChecks = 150

/** Waits until both uplinks have been idle for 100 ms, because the previous test's connections may still be closing. */
export async function quiet(): Promise<void> {
  const moved = () => JSON.stringify([lab.counters('wan1'), lab.counters('wan2')])
  for (let before = '', checks = 0; checks < mostChecks; checks++) {
    const now = moved()
    if (before === now && !isClosing() && !isRetransmitting() && !isProbing()) return
    before = now
    await sleep(100)
  }
}

/**
 * TCP states in which the kernel retransmits, or will acknowledge the other end's FIN: SYN_SENT, FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING
 * (include/net/tcp_states.h).
 */
const unfinished = new Set(['02', '04', '05', '09', '0B'])

/** Whether the kernel may still send packets for a connection in this namespace. */
function isClosing(): boolean {
  const tables = ['tcp', 'tcp6'].map(name => readFileSync(`/proc/net/${name}`, 'utf8'))
  return rows(tables.join('')).some(([, , , state]) => unfinished.has(state!))
}

/** Whether the other end waits for an acknowledgement, as of data that it sent to a connection which is gone here. */
function isRetransmitting(): boolean {
  const tables = lab.run('internet', 'cat', '/proc/net/tcp', '/proc/net/tcp6')
  return rows(tables).some(([, , , , , timer]) => timer?.startsWith('01:'))
}

/** The rows of /proc/net/tcp: number, local and remote address, state, queues, timer (proc_pid_net(5)). */
function rows(text: string): string[][] {
  return text.split('\n').map(line => line.trim().split(/\s+/))
}

/** Whether a router at either end of an uplink checks that its neighbour is still there, or soon will (arp(7)). */
function isProbing(): boolean {
  const states = ['incomplete', 'delay', 'probe'].flatMap(state => ['nud', state])
  return (['router', 'isp1', 'isp2'] as const).some(host => lab.run(host, 'ip', 'neighbour', 'show', ...states) !== '')
}
