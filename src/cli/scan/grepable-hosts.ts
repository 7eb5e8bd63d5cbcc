import { parsePorts } from '../../scan/port-list.js'
import type { PortSweepResult } from '../../scan/port-sweep.js'
import { portsLine } from './grepable.js'

/** Gathers the results of each host until they are complete, and writes its lines in the format of nmap's `-oG`. */
export class GrepableHosts {
  readonly #expected: number
  readonly #all: boolean
  readonly #write: (line: string) => void
  readonly #hosts = new Map<string, PortSweepResult[]>()

  constructor(ports: string, all: boolean, write: (line: string) => void) {
    this.#expected = parsePorts(ports, 'ports').length
    this.#all = all
    this.#write = write
  }

  add(result: PortSweepResult): void {
    const { host } = result
    const results = this.#hosts.get(host) ?? []
    this.#hosts.set(host, results)
    results.push(result)
    if (results.length === this.#expected) this.#finish(host, results)
  }

  /** Writes the hosts whose results are incomplete, because the scan was interrupted. */
  end(): void {
    for (const [host, results] of this.#hosts) this.#finish(host, results)
  }

  #finish(host: string, results: readonly PortSweepResult[]): void {
    this.#hosts.delete(host)
    const isUp = results.some(({ state }) => state === 'open' || state === 'closed')
    if (!isUp && !this.#all) return
    const { address } = results[0]!
    const who = `Host: ${address || host} (${host === address ? '' : host})`
    this.#write(`${who}\tStatus: ${isUp ? 'Up' : 'Unknown'}`)
    this.#write(portsLine(who, results, this.#all))
  }
}
