import { hold } from '../../binding/poller.js'
import { checkOptions } from '../../options.js'
import { ResultQueue } from '../../runtime/result-queue.js'
import { ResultStream } from '../../runtime/result-stream.js'
import { type AddressChange, type LinkChange, onDeviceChange, type RouteChange } from '../netlink/changes.js'
import type { Device } from './device.js'
import { type DevicesOptions, devices, devicesSchema } from './devices.js'

/** Changes were lost, because the kernel's socket buffer overran or the consumer was slow. It contains the current devices. */
export interface DeviceResync {
  /** Discriminator. */
  readonly type: 'resync'
  /** All devices, read again. */
  readonly devices: readonly Device[]
}

/** An event of `watchDevices`. `type` distinguishes the kinds. */
export type DeviceEvent = LinkChange | AddressChange | RouteChange | DeviceResync

/** Events kept for a slow consumer. Beyond that, reading everything again is worth more. */
const capacity = 1024

/**
 * Watches links, addresses and routes from this call on (netlink groups, rtnetlink(7)): an unplugged cable, a deleted device, a
 * removed address. It ends with `break`, `return()` or the signal. Waiting for the next event keeps the event loop alive.
 *
 * @throws NetviaError if netlink is refused; iterating rejects with `signal.reason` when aborted.
 */
export function watchDevices(options: DevicesOptions = {}): DeviceWatch {
  return new DeviceWatch(checkOptions('watchDevices', options, devicesSchema).signal)
}

/** The async iterable that `watchDevices` returns, for one reader. You can consume it once. */
export class DeviceWatch extends ResultStream<DeviceEvent> {
  readonly #events: ResultQueue<DeviceEvent>
  readonly #unsubscribe: () => void
  readonly #reading = new AbortController()
  #isReading = false
  /** Events after a loss. They wait until all devices have been read again. */
  #later: DeviceEvent[] | undefined

  /** @internal */
  constructor(signal: AbortSignal | undefined) {
    const events = new ResultQueue<DeviceEvent>({ ended: () => this.#end() })
    super(events)
    this.#events = events
    this.#unsubscribe = onDeviceChange(change => {
      if (change.type === 'rule') return
      const waiting = this.#later?.length ?? events.size
      if (change.type === 'overrun' || waiting === capacity) this.#lose()
      else if (this.#later) this.#later.push(change)
      else events.push(change)
    })
    events.endWith(signal)
  }

  /** The next event, as soon as there is one. */
  override next(): Promise<IteratorResult<DeviceEvent, undefined>> {
    const release = hold()
    const next = super.next()
    next.then(release, release)
    this.#resync()
    return next
  }

  #end(): void {
    this.#unsubscribe()
    this.#reading.abort()
    this.#later = undefined
  }

  #lose(): void {
    this.#events.clear()
    this.#later = []
    this.#resync()
  }

  /** Reads once somebody waits for it. Another loss meanwhile means reading again. */
  #resync(): void {
    const later = this.#later
    if (!later || this.#isReading || !this.#events.isAwaited) return
    this.#isReading = true
    devices({ signal: this.#reading.signal }).then(
      list => {
        this.#isReading = false
        if (this.#later !== later) return this.#resync()
        this.#later = undefined
        for (const event of [{ type: 'resync' as const, devices: list }, ...later]) this.#events.push(event)
      },
      reason => this.#events.end({ reason }),
    )
  }
}
