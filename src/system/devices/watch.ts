import { hold } from '../../binding/poller.js'
import { checkOptions } from '../../options.js'
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

interface Waiter {
  resolve(result: IteratorResult<DeviceEvent, undefined>): void
  reject(reason: unknown): void
  release(): void
}

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
export class DeviceWatch implements AsyncIterableIterator<DeviceEvent, undefined> {
  readonly #signal: AbortSignal | undefined
  readonly #unsubscribe: () => void
  readonly #reading = new AbortController()
  readonly #events: DeviceEvent[] = []
  readonly #waiters: Waiter[] = []
  #ended = false
  #aborted = false
  #lost = false
  #resyncing = false

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    this.#unsubscribe = onDeviceChange(change => {
      if (change.type === 'rule') return
      if (change.type === 'overrun' || this.#events.length === capacity) this.#lose()
      else this.#events.push(change)
      this.#serve()
    })
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted) this.#onAbort()
  }

  /** Returns itself. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next event, as soon as there is one. */
  next(): Promise<IteratorResult<DeviceEvent, undefined>> {
    if (this.#aborted) {
      this.#aborted = false
      return Promise.reject(this.#signal!.reason)
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject, release: hold() })
      this.#serve()
    })
  }

  /** Ends the watch immediately, even while a `next()` is waiting. */
  return(): Promise<IteratorResult<DeviceEvent, undefined>> {
    this.#end(({ resolve }) => resolve({ done: true, value: undefined }))
    return Promise.resolve({ done: true, value: undefined })
  }

  /** The same as `return()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  readonly #onAbort = () => {
    this.#aborted = this.#waiters.length === 0
    this.#end(({ reject }) => reject(this.#signal!.reason))
  }

  #end(tell: (waiter: Waiter) => void): void {
    if (this.#ended) return
    this.#ended = true
    this.#unsubscribe()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#reading.abort()
    this.#events.length = 0
    for (const waiter of this.#waiters.splice(0)) this.#settle(waiter, tell)
  }

  #settle(waiter: Waiter, tell: (waiter: Waiter) => void): void {
    waiter.release()
    tell(waiter)
  }

  #lose(): void {
    this.#events.length = 0
    this.#lost = true
  }

  /** Runs one resync at a time; later events wait for it. */
  #serve(): void {
    if (this.#resyncing || this.#waiters.length === 0) return
    if (this.#lost) {
      this.#resync()
      return
    }
    while (this.#events.length > 0 && this.#waiters.length > 0) {
      const value = this.#events.shift()!
      this.#settle(this.#waiters.shift()!, ({ resolve }) => resolve({ done: false, value }))
    }
  }

  #resync(): void {
    this.#lost = false
    this.#resyncing = true
    devices({ signal: this.#reading.signal }).then(
      list => {
        this.#resyncing = false
        if (this.#ended) return
        this.#events.unshift({ type: 'resync', devices: list })
        this.#serve()
      },
      error => this.#end(({ reject }) => reject(error)),
    )
  }
}
