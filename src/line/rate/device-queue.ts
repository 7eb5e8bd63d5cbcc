import type { QueueCounters } from '../../system/netlink/qdisc.js'
import { readLink, readQueueing } from '../../system/netlink/tables.js'

/** What this machine's own queueing disciplines (tc(8)) do on a device while it sends. */
export class DeviceQueue {
  readonly #device: string
  readonly #before: readonly QueueCounters[]

  constructor(device: string) {
    this.#device = device
    this.#before = queuesOf(device)
  }

  /** Undefined if they held nothing back. */
  evidence(): string | undefined {
    for (const { handle, kind, drops, overlimits } of queuesOf(this.#device)) {
      const before = this.#before.find(queue => queue.handle === handle)
      const dropped = drops - (before?.drops ?? 0)
      const delayed = overlimits - (before?.overlimits ?? 0)
      if (dropped > 0 || delayed > 0)
        return `${kind} on ${this.#device} dropped ${dropped} packets, and held packets back ${delayed} times`
    }
    return undefined
  }
}

function queuesOf(device: string): QueueCounters[] {
  const index = readLink(device)?.index
  return readQueueing().filter(({ deviceIndex }) => deviceIndex === index)
}
