import { Bag, type Place } from '../runtime/bag.js'

/** Statistics of one uplink, since the proxy started. */
export interface ProxyUplinkStatistics {
  /** Connections and UDP associations that were opened. */
  connections: number
  /** Connections that are open now. */
  open: number
  /** Connections that could not be made, including those that another uplink then made. */
  failures: number
  /** Bytes to the targets. */
  bytesSent: number
  /** Bytes from the targets. */
  bytesReceived: number
}

/** Since the proxy started. */
export interface ProxyStatistics {
  /** Connections of clients that are open now. */
  clients: number
  /** Connections of clients that were closed because of `allow`, `users` or the limits. */
  refused: number
  /** Uplinks by name; without a group, the device. */
  uplinks: Record<string, ProxyUplinkStatistics>
}

/** An object that counts its own bytes, as a `net.Socket` does. */
export interface Counting {
  readonly bytesRead: number
  readonly bytesWritten: number
}

export class Tally {
  connections = 0
  failures = 0
  #sent = 0
  #received = 0
  readonly #open = new Bag<Counting>()

  add(socket: Counting): Place<Counting> {
    return this.#open.add(socket)
  }

  remove(place: Place<Counting>): void {
    const socket = place.value
    if (!socket || !this.#open.delete(place)) return
    this.#sent += socket.bytesWritten
    this.#received += socket.bytesRead
  }

  report(): ProxyUplinkStatistics {
    const { connections, failures } = this
    const open = this.#open.places()
    const sum = (of: (socket: Counting) => number) => open.reduce((total, { value }) => total + of(value!), 0)
    return {
      ...{ connections, open: this.#open.size, failures },
      bytesSent: this.#sent + sum(({ bytesWritten }) => bytesWritten),
      bytesReceived: this.#received + sum(({ bytesRead }) => bytesRead),
    }
  }
}

export class Statistics {
  refused = 0
  readonly #tallies = new Map<string, Tally>()

  of(uplink: string): Tally {
    let tally = this.#tallies.get(uplink)
    if (!tally) {
      tally = new Tally()
      this.#tallies.set(uplink, tally)
    }
    return tally
  }

  report(clients: number): ProxyStatistics {
    const uplinks = Object.fromEntries([...this.#tallies].map(([name, tally]) => [name, tally.report()]))
    return { clients, refused: this.refused, uplinks }
  }
}
