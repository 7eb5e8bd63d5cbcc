import type { NetviaError } from '../../errors.js'
import { Deadline } from '../../runtime/deadline.js'
import type { ConnectOptions } from './dial.js'
import { connectTimeout, withHint } from './failure.js'

/** How far a connection has come: for the error that a timeout gives. */
export interface Progress {
  /** The last address tried; none yet while the name is resolved. */
  address?: string
  phase: 'name resolution' | 'connection' | 'TLS handshake'
  /** While the name is resolved: the error of what is waited for, with this code. */
  unanswered?: (code: string) => NetviaError | undefined
}

/** Runs `work` within the `timeout` and the `signal` of the options. */
export async function withinTimeLimit<T>(
  { host, port, device, timeout, signal }: ConnectOptions,
  work: (signal: AbortSignal, progress: Progress) => Promise<T>,
): Promise<T> {
  const progress: Progress = { phase: 'name resolution' }
  const deadline = new Deadline(timeout, signal, () => {
    const dns = progress.phase === 'name resolution' ? progress.unanswered?.('ETIMEDOUT') : undefined
    const hint = `${progress.phase} took longer than ${timeout} ms`
    return dns ? withHint(dns, hint) : connectTimeout({ address: progress.address ?? host, port, device }, hint)
  })
  try {
    return await work(deadline.signal, progress)
  } finally {
    deadline.end()
  }
}
