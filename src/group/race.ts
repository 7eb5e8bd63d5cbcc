import { NetviaError } from '../errors.js'
import type { Check } from '../options.js'
import { milliseconds } from '../options.js'
import { raceFailure } from '../protocols/tcp/connect-errors.js'
import { Cancel, type Signal } from '../runtime/cancel.js'
import { Staggered } from '../runtime/staggered.js'
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

/**
 * Opens something over `first`, then over the others: each when the one before has failed, or has taken its delay. The first
 * success wins. `work` must release everything and reject when its signal fires; `discard` gets late results.
 */
export async function openOver<T>(
  attempts: GroupAttempts,
  first: NamedPath,
  signal: Signal | undefined,
  work: (uplink: NamedPath, signal: Signal) => Promise<T>,
  discard: (late: T) => void,
): Promise<Opened<T>> {
  signal?.throwIfAborted()
  const tried = new Set<string>()
  const opening = new Staggered<NamedPath, Opened<T>>(
    {
      next() {
        const uplink = tried.size === 0 ? first : attempts.next(tried)
        if (uplink) tried.add(uplink.name)
        return uplink
      },
      mayGrow: () => false,
      attempt: async (uplink, signal) => ({ uplink, value: await attempt(attempts, uplink, signal, work) }),
      discard: ({ value }) => discard(value),
      delay: ({ name }) => attempts.delay(name),
      isFinal: error => error instanceof NetviaError && final.has(error.code),
      failure: raceFailure,
    },
    signal,
  )
  opening.advance()
  const opened = await opening.result
  const order = [...tried]
  attempts.learned(opened.uplink.name, true)
  // A target that no uplink reaches says nothing about an uplink.
  for (const name of order.slice(0, order.indexOf(opened.uplink.name))) attempts.learned(name, false)
  return opened
}

/** Ends with the signal, and with the uplink. */
async function attempt<T>(
  { onCut }: GroupAttempts,
  uplink: NamedPath,
  signal: Signal,
  work: (uplink: NamedPath, signal: Signal) => Promise<T>,
): Promise<T> {
  const cancel = new Cancel()
  const onAbort = () => cancel.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  const release = onCut(uplink.name, error => cancel.abort(error))
  try {
    return await work(uplink, cancel)
  } finally {
    release()
    signal.removeEventListener('abort', onAbort)
  }
}
