import type { NetviaError } from '../errors.js'

/** A host whose ports are tried. */
export interface ScanHost {
  /** As the caller gave it. */
  readonly name: string
  /** Empty for a name without an address. */
  readonly address: string
  readonly family: 4 | 6
  /** `struct sockaddr_*`. The port is that of the last attempt. */
  readonly target: Uint8Array
  /** Index of the next port. */
  next: number
  /** Why its ports aren't tried, or no longer. */
  fault?: NetviaError | undefined
  /** A port has accepted or refused a connection. */
  answered: boolean
  /** ICMP errors in a row that report the host as unreachable. */
  unreachable: number
}

/** One attempt at one port of a host. */
export interface Attempt {
  readonly host: ScanHost
  readonly port: number
  /** Attempts before this one. */
  readonly earlier: number
}

/** Where hosts come from. */
export interface HostSource {
  /** No more hosts will come. */
  readonly done: boolean
  /** The next host; undefined if there is none yet. */
  next(): ScanHost | undefined
}

/** Hosts whose ports are tried by turns. */
const room = 256

/**
 * Hosts × ports, drawn on demand. Each draw belongs to the next host, so that no host gets all its connections together. Only
 * the hosts in turn are kept, whatever the number of pairs.
 */
export class HostRing {
  readonly #source: HostSource
  readonly #ports: readonly number[]
  readonly #hosts: ScanHost[] = []
  #turn = 0

  constructor(source: HostSource, ports: readonly number[]) {
    this.#source = source
    this.#ports = ports
  }

  get done(): boolean {
    return this.#hosts.length === 0 && this.#source.done
  }

  next(): Attempt | undefined {
    while (this.#hosts.length < room) {
      const host = this.#source.next()
      if (!host) break
      this.#hosts.push(host)
    }
    if (this.#turn >= this.#hosts.length) this.#turn = 0
    const host = this.#hosts[this.#turn]
    if (!host) return undefined
    const port = this.#ports[host.next++]!
    if (host.next === this.#ports.length) this.#hosts.splice(this.#turn, 1)
    else this.#turn++
    return { host, port, earlier: 0 }
  }
}
