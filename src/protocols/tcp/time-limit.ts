import type { NetviaError } from '../../errors.js'
import type { Signal } from '../../runtime/cancel.js'
import { Deadline } from '../../runtime/deadline.js'
import { connectTimeout } from './connect-errors.js'
import type { DialOptions } from './dial.js'

/** The progress of a connection, for the timeout error. */
export interface Progress {
  /** The last address tried; undefined while the name is being resolved. */
  address?: string
  /** The addresses whose answers it waits for. */
  readonly waitsFor: Set<string>
  phase: 'name resolution' | 'connection' | 'TLS handshake' | 'MQTT handshake'
  /** While the name is being resolved: returns the error for the pending query, with this code. */
  unanswered?: (code: string) => NetviaError | undefined
}

export function newProgress(phase: Progress['phase'] = 'name resolution'): Progress {
  return { phase, waitsFor: new Set() }
}

/** Runs `work` within the `timeout` and the `signal` of the options. */
export async function withinTimeLimit<T>(
  { host, port, device, timeout, signal }: DialOptions,
  work: (signal: Signal, progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = newProgress()
  const deadline = new Deadline(timeout, signal, () => {
    const dns = progress.phase === 'name resolution' ? progress.unanswered?.('ETIMEDOUT') : undefined
    const hint = `${progress.phase} took longer than ${timeout} ms`
    return connectTimeout({ address: progress.address ?? host, port, device }, progress.waitsFor, hint, dns)
  })
  try {
    return await work(deadline.signal, progress)
  } finally {
    deadline.end()
  }
}
