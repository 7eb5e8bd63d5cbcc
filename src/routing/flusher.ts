import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { systemError } from '../errors.js'
import { nextTurn } from '../runtime/turns.js'
import { decodeConnection, encodeConnectionsRequest, getConnections, netfilter } from '../system/netlink/conntrack.js'
import { carryOut, dump, type Order, openNetlink } from '../system/netlink/request.js'
import type { UplinkFacts } from './kernel-tables.js'

/** Deleted with the event loop having its turns in between. */
const ordersAtOnce = 256

type Family = 4 | 6
const families = [4, 6] as const

function keyOf(uplink: string, family: Family): string {
  return `${family} ${uplink}`
}

/** Deletes the tracked connections of uplinks that went down: once each time. */
export class Flusher {
  readonly #failed: (error: Error) => void
  /** The last known addresses of each uplink and family. One that went down may have lost them. */
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
      for (const family of families) {
        const own = addresses.filter(address => address.family === family).map(({ address }) => address)
        if (own.length > 0) this.#addresses.set(keyOf(name, family), own)
      }
    }
  }

  /** `down` are the uplinks that don't work now, `inForce` those that the traffic of each family goes out through. */
  left(down: readonly string[], inForce: Readonly<Record<Family, readonly string[]>>): void {
    const left = families.flatMap(family => {
      if (inForce[family].length === 0) return []
      return down.filter(name => !inForce[family].includes(name)).map(name => keyOf(name, family))
    })
    const fresh = left.filter(key => !this.#done.has(key))
    this.#done.clear()
    for (const key of left) this.#done.add(key)
    const addresses = new Set(fresh.flatMap(key => this.#addresses.get(key) ?? []))
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
