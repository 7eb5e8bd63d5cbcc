import { isLocalFault } from '../checks/outcome.js'
import { NetviaError } from '../errors.js'
import type { Check } from '../options.js'
import { milliseconds } from '../options.js'
import { raceFailure } from '../protocols/tcp/connect-errors.js'
import { Cancel, type Signal } from '../runtime/cancel.js'
import { Staggered } from '../runtime/staggered.js'
import { deviceDown } from '../system/device-down.js'
import { isOwnAddressError } from '../system/this-host.js'
import type { GroupAttempts, NamedPath } from './attempts.js'

/** The target's own answer, or the caller's fault: the same over any uplink. */
const final = new Set(['ECONNREFUSED', 'ENOTFOUND', 'ENODATA', 'ERR_PROXY_TARGET', 'ERR_INVALID_ARG_VALUE'])

/** Milliseconds that an uplink has for itself before the next one is tried beside it; see `GroupOptions.race`. */
export type RaceDelay = number | 'auto'

export const raceCheck: Check = (value, name) => (value === 'auto' ? value : milliseconds(value, name))

/** In milliseconds. The lower one is what RFC 8305 recommends between two addresses. */
const [shortest, longest] = [250, 3000]

/** In milliseconds. `latencyMs` is the uplink's measured latency: a name and a handshake take two round trips, and some vary. */
export function raceDelay(race: RaceDelay | undefined, latencyMs: number | null): number {
  if (race !== 'auto') return race ?? Number.POSITIVE_INFINITY
  return Math.min(longest, Math.max(shortest, 3 * (latencyMs ?? 0)))
}

export interface Opened<T> {
  readonly uplink: NamedPath
  readonly value: T
}

/** How to open something over an uplink. */
export interface Work<T> {
  /** `tried` has the uplinks so far, with this one. When the signal fires, it must release everything and reject. */
  open(uplink: NamedPath, signal: Signal, tried: ReadonlySet<string>): T | Promise<T>
  /** Receives a result that nobody needs any more. */
  discard(late: T): void
  /** Called with the error of `open`. */
  failed?(uplink: NamedPath, error: unknown): void
}

/**
 * Opens something over `first`, then over the others: each when the one before has failed, or has taken its delay. The first
 * success wins.
 */
export async function openOver<T>(
  attempts: GroupAttempts,
  first: NamedPath,
  signal: Signal | undefined,
  work: Work<T>,
): Promise<Opened<T>> {
  signal?.throwIfAborted()
  const tried = new Set<string>()
  if (attempts.delay(first.name) !== Number.POSITIVE_INFINITY) return race(attempts, first, tried, signal, work)
  // Nothing runs beside it, and most connections need no other: a race would take longer than a near connection.
  tried.add(first.name)
  try {
    const value = await attempt(attempts, first, tried, signal, work)
    if (signal?.aborted) work.discard(value)
    signal?.throwIfAborted()
    attempts.learned(first.name, true)
    return { uplink: first, value }
  } catch (error) {
    signal?.throwIfAborted()
    if (!attempts.goesOn(error)) throw error
    return race(attempts, first, tried, signal, work, error)
  }
}

/** `failure`: the error of an uplink that was tried before. */
async function race<T>(
  attempts: GroupAttempts,
  first: NamedPath,
  tried: Set<string>,
  signal: Signal | undefined,
  work: Work<T>,
  failure?: unknown,
): Promise<Opened<T>> {
  const unasked = new Set<string>()
  const note = ({ name }: NamedPath, error: unknown) => {
    if (isOfThisMachine(error)) unasked.add(name)
  }
  const opening = new Staggered<NamedPath, Opened<T>>(
    {
      next() {
        const uplink = tried.size === 0 ? first : attempts.next(tried)
        if (uplink) tried.add(uplink.name)
        return uplink
      },
      mayGrow: () => false,
      attempt: async (uplink, signal) => {
        try {
          return { uplink, value: await attempt(attempts, uplink, tried, signal, work) }
        } catch (error) {
          note(uplink, error)
          throw error
        }
      },
      discard: ({ value }) => work.discard(value),
      delay: ({ name }) => attempts.delay(name),
      isFinal: error => !attempts.goesOn(error),
      failure: raceFailure,
    },
    signal,
  )
  if (failure !== undefined) {
    note(first, failure)
    opening.failed(failure)
  }
  opening.advance()
  const opened = await opening.result
  const order = [...tried]
  attempts.learned(opened.uplink.name, true)
  // A target that no uplink reaches says nothing about an uplink, nor does a fault of this machine.
  const failed = order.slice(0, order.indexOf(opened.uplink.name)).filter(name => !unasked.has(name))
  for (const name of failed) attempts.learned(name, false)
  return opened
}

/** What an uplink that lost its device or its address fails with. */
const ofUplink = new Set(['ENODEV', 'EADDRNOTAVAIL'])

/** Whether the uplink was not tried: this machine is out of ports or descriptors, or the target is an address of its own. */
export function isOfThisMachine(error: unknown): boolean {
  const isOfUplink = error instanceof NetviaError && ofUplink.has(error.code)
  return isOwnAddressError(error) || (isLocalFault(error) && !isOfUplink)
}

/**
 * Whether the uplink sent nothing, because its device or its address is gone or the device was set down. ENETDOWN is the error of a call
 * whose time is over.
 */
export function isLost(error: unknown): boolean {
  if (!(error instanceof NetviaError)) return false
  const { code, device } = error
  // The kernel also says "network is unreachable" for a device that is down.
  if (code === 'ENETUNREACH') return deviceDown('connect', { device }) !== undefined
  return code === 'EADDRNOTAVAIL' || code === 'ENODEV'
}

/** Whether no other uplink need try. */
export function isFinal(error: unknown): boolean {
  return error instanceof NetviaError && final.has(error.code) && !isRefusedByNameServer(error)
}

/** Another uplink has other name servers. */
export function isRefusedByNameServer({ code, syscall }: NetviaError): boolean {
  return code === 'ECONNREFUSED' && syscall === 'resolve'
}

/** Ends with the signal, and with the uplink. */
async function attempt<T>(
  { onCut }: GroupAttempts,
  uplink: NamedPath,
  tried: ReadonlySet<string>,
  signal: Signal | undefined,
  work: Work<T>,
): Promise<T> {
  const cancel = new Cancel()
  const onAbort = () => cancel.abort(signal!.reason)
  signal?.addEventListener('abort', onAbort)
  const release = onCut(uplink.name, error => cancel.abort(error))
  try {
    return await work.open(uplink, cancel, tried)
  } catch (error) {
    work.failed?.(uplink, error)
    throw error
  } finally {
    release()
    signal?.removeEventListener('abort', onAbort)
  }
}
