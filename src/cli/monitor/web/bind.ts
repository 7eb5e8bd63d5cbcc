import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../shared/session.js'
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

/**
 * The same beside other work: resolves once the server listens, after `bound`, or once it has to wait for its address. A fault after
 * that is only reported.
 */
export function bindBeside(
  server: Server,
  address: ListenAddress,
  { output, signal }: Session,
  what: 'page' | 'metrics',
  bound: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let failed: (error: Error) => void = reject
    const waiting = () => {
      const waits = what === 'page' ? 'the page waits' : 'the metrics wait'
      output.note(`netvia: no device has the address ${address.host} yet; ${waits} for it`)
      failed = error => output.note(`netvia: no ${what}: ${error.message}`)
      resolve()
    }
    bindWhenThere(server, address, signal, waiting).then(
      listens => {
        if (listens) bound()
        resolve()
      },
      (error: Error) => failed(error),
    )
  })
}
