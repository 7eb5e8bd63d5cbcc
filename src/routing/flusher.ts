import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { systemError } from '../errors.js'
import { nextTurn } from '../runtime/turns.js'
import { decodeConnection, encodeConnectionsRequest, getConnections, netfilter } from '../system/netlink/conntrack.js'
import { carryOut, dump, type Order, openNetlink } from '../system/netlink/request.js'
import type { UplinkFacts } from './kernel-tables.js'

/** Deleted with the event loop having its turns in between. */
const ordersAtOnce = 256

/** Deletes the tracked connections of uplinks that went down: once each time. */
export class Flusher {
  readonly #failed: (error: Error) => void
  /** The last known addresses of each uplink. One that went down may have lost them. */
  readonly #addresses = new Map<string, readonly string[]>()
  readonly #done = new Set<string>()
  #hasFailed = false
  #work: Promise<void> = Promise.resolve()

  /** `failed` hears of the first failure: a kernel without connection tracking stays one. */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed
  }

  learn(uplinks: readonly UplinkFacts[]): void {
    for (const { name, addresses } of uplinks) {
      const own = addresses.map(({ address }) => address)
      if (own.length > 0) this.#addresses.set(name, own)
    }
  }

  /** The uplinks that are down now, while the traffic goes out through others. */
  left(names: readonly string[]): void {
    const fresh = names.filter(name => !this.#done.has(name))
    this.#done.clear()
    for (const name of names) this.#done.add(name)
    const addresses = new Set(fresh.flatMap(name => this.#addresses.get(name) ?? []))
    if (addresses.size > 0) this.#work = this.#work.then(() => forgetTranslated(addresses)).catch(this.#fail)
  }

  /** Resolves when nothing is under way any more. */
  idle(): Promise<void> {
    return this.#work
  }

  readonly #fail = (error: Error): void => {
    if (!this.#hasFailed) this.#failed(error)
    this.#hasFailed = true
  }
}

/** Makes the kernel forget the connections whose source was translated to one of these addresses. */
async function forgetTranslated(addresses: ReadonlySet<string>): Promise<void> {
  const orders = await dump(getConnections, encodeConnectionsRequest(0), translatedTo(addresses), undefined, netfilter)
  const fd = openNetlink(netfilter)
  try {
    for (let first = 0; first < orders.length; first += ordersAtOnce) {
      // ENOENT: it has already ended.
      const refused = carryOut(fd, orders.slice(first, first + ordersAtOnce)).find(
        errno => errno < 0 && errno !== -constants.errno.ENOENT,
      )
      if (refused !== undefined) throw systemError(refused, 'nfnetlink')
      await nextTurn()
    }
  } finally {
    addon().close(fd)
  }
}

function translatedTo(addresses: ReadonlySet<string>): (payload: Uint8Array) => Order | undefined {
  return payload => {
    const connection = decodeConnection(payload)
    if (!connection || connection.source === connection.replyTo) return undefined
    return addresses.has(connection.replyTo) ? connection.forget : undefined
  }
}
