import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../shared/session.js'
import type { ListenAddress } from './listen-address.js'

/** Milliseconds between two tries. */
const pause = 1000

const waits = { page: 'the page waits', metrics: 'the metrics wait', proxy: 'the proxy waits' }

/** Resolves with the server once it listens. */
export async function listening(server: Server, { host, port }: ListenAddress): Promise<Server> {
  server.listen(port, host)
  await once(server, 'listening')
  return server
}

/**
 * Listens as soon as this machine has the address, for example that of a late LAN or a VPN. Calls `waiting` once if
 * the address is still missing. Undefined if the signal fires first. Other errors reject.
 */
export async function whenThere<T>(
  listen: () => Promise<T>,
  signal: AbortSignal,
  waiting: () => void,
): Promise<T | undefined> {
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      return await listen()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error
      if (tries === 0) waiting()
      await sleep(pause, undefined, { signal }).catch(() => {})
    }
  }
  return undefined
}

/**
 * The same in the background. Resolves once it listens, after `bound`, or once it has to wait for the address `host`. A later error
 * is only reported.
 */
export function bindBeside<T>(
  listen: () => Promise<T>,
  host: string,
  { output, signal }: Pick<Session, 'output' | 'signal'>,
  what: keyof typeof waits,
  bound: (listening: T) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let failed: (error: Error) => void = reject
    const waiting = () => {
      output.note(`netvia: no device has the address ${host} yet; ${waits[what]} for it`)
      failed = error => output.note(`netvia: no ${what}: ${error.message}`)
      resolve()
    }
    whenThere(listen, signal, waiting).then(
      made => {
        if (made !== undefined && !signal.aborted) bound(made)
        resolve()
      },
      (error: Error) => failed(error),
    )
  })
}
