import { isIPv4 } from '../builtins.js'
import { parseIP, unmapped } from '../sockets/ip.js'

/** How many connections there may be, in all and of each client. */
export class ClientLimits {
  readonly #most: number
  readonly #mostPerClient: number
  readonly #counts = new Map<string, number>()
  #total = 0

  constructor(most: number, mostPerClient: number) {
    this.#most = most
    this.#mostPerClient = mostPerClient
  }

  /** Counts a connection. Returns what `leave` takes once it has ended; undefined if there are too many. */
  enter(address: string): string | undefined {
    const client = clientOf(unmapped(address))
    const count = this.#counts.get(client) ?? 0
    if (this.#total >= this.#most || count >= this.#mostPerClient) return undefined
    this.#total++
    this.#counts.set(client, count + 1)
    return client
  }

  leave(client: string): void {
    this.#total--
    const left = this.#counts.get(client)! - 1
    if (left > 0) this.#counts.set(client, left)
    else this.#counts.delete(client)
  }
}

/** The name of a client, by its address without a mapping. A client with one IPv6 address usually has its whole /64. */
export function clientOf(address: string): string {
  return isIPv4(address) ? address : Buffer.from(parseIP(address).subarray(0, 8)).toString('hex')
}
