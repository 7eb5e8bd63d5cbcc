import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { NetviaError } from '../../errors.js'
import type { PathOptions } from '../../options.js'
import { boundNameOf } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'
import { setOption } from '../../sockets/options.js'

export interface SourcePort {
  readonly port: number
  close(): void
}

const attempts = 16

/**
 * Reserves a source port for the probes of one flow, which share it with `SO_REUSEADDR` (socket(7)). No other program gets
 * it.
 */
export function holdSourcePort(family: 4 | 6, method: 'udp' | 'tcp', path: PathOptions): SourcePort {
  for (let attempt = 1; ; attempt++) {
    // The kernel chooses a TCP port only at connect(2), so a UDP socket chooses the number for both.
    const chosen = openDescriptor(family, 'datagram', 0, path, 0)
    let held = -1
    try {
      const { port } = boundNameOf(chosen)
      // Set after bind(2): two flows must not get the same port.
      if (method === 'udp') setOption(chosen, 'SO_REUSEADDR', 1)
      held = method === 'udp' ? chosen : openDescriptor(family, 'stream', 0, path, port, { SO_REUSEADDR: 1 })
      return { port, close: () => addon().close(held) }
    } catch (error) {
      const isTaken = error instanceof NetviaError && error.errno === -constants.errno.EADDRINUSE
      if (!isTaken || attempt === attempts) throw error
    } finally {
      if (held !== chosen) addon().close(chosen)
    }
  }
}
