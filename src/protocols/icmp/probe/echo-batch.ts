import { addon, addressRoom, Batch } from '../../../binding/addon.js'
import type { EchoTemplate, PacketMemory } from './echo-template.js'
import type { ProbeTable } from './probe-table.js'

/** Holds 64 packets of ordinary size, or one of maximum size. */
const memorySize = 128 * 1024

/**
 * Echo requests for one sendmmsg(2), built in the send buffer itself. A slot that held a request of the same template only
 * needs new numbers.
 */
export class EchoBatch implements PacketMemory {
  readonly bytes = new Uint8Array(memorySize)
  readonly halves = new Uint16Array(this.bytes.buffer)
  readonly words = new Int32Array(this.bytes.buffer)
  /** The probes in the batch, by their place in the table. */
  readonly probes = new Uint16Array(Batch.packets)
  readonly #table = new Int32Array(Batch.packets * Batch.sendFields)
  readonly #templates: (EchoTemplate | undefined)[] = new Array(Batch.packets)
  #stride = 0
  #capacity = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  clear(): void {
    this.#count = 0
  }

  /** Adds a probe, or returns false if there is no room. `hops` -1 keeps the socket's own. */
  add(table: ProbeTable, probe: number, identifier: number, hops: number): boolean {
    const { template } = table.request(probe)
    if (!this.#hasRoom(template.room + addressRoom)) return false
    const index = this.#count++
    const at = index * this.#stride
    if (this.#templates[index] !== template) this.#place(index, template, 4 * table.addressWords)
    const { cookies, targets, addressWords } = table
    template.patch(this, at, identifier, table.numberOf(probe), cookies[2 * probe]!, cookies[2 * probe + 1]!)
    const to = (at + this.#stride - addressRoom) >> 2
    const from = probe * addressWords
    for (let i = 0; i < addressWords; i++) this.words[to + i] = targets[from + i]!
    this.#table[index * Batch.sendFields + 4] = hops
    this.probes[index] = probe
    return true
  }

  /** Sends the packets from `first` up to `end`. Returns how many the kernel accepted, or the negative errno of the first. */
  send(fd: number, first: number, end: number): number {
    const table = first === 0 ? this.#table : this.#table.subarray(first * Batch.sendFields)
    return addon().send(fd, this.bytes, table, end - first, 0)
  }

  /** All slots have the size that the first packet of the batch needs. */
  #hasRoom(size: number): boolean {
    if (this.#count === 0 && size !== this.#stride) {
      this.#stride = size
      this.#capacity = Math.min(Batch.packets, Math.floor(memorySize / size))
      this.#templates.fill(undefined)
    }
    return this.#count < this.#capacity && size <= this.#stride
  }

  #place(index: number, template: EchoTemplate, addressLength: number): void {
    const at = index * this.#stride
    template.copyTo(this, at)
    this.#templates[index] = template
    const row = [at, template.length, at + this.#stride - addressRoom, addressLength]
    this.#table.set(row, index * Batch.sendFields)
  }
}
