import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ListenAddress } from './listen-address.js'

/** Milliseconds between two tries. */
const pause = 1000

/**
 * Listens there, as soon as this machine has the address: of a LAN that comes up late, or of a VPN. `waiting` is called once if it
 * does not have it yet. Returns false when the signal fires before. Other faults reject.
 */
export async function bindWhenThere(
  server: Server,
  { host, port }: ListenAddress,
  signal: AbortSignal,
  waiting: () => void,
): Promise<boolean> {
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      server.listen(port, host)
      await once(server, 'listening')
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error
      if (tries === 0) waiting()
      await sleep(pause, undefined, { signal }).catch(() => {})
    }
  }
  return false
}
