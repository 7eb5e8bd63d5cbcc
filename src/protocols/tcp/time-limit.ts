import { Deadline } from '../../runtime/deadline.js'
import type { ConnectOptions } from './dial.js'
import { connectTimeout } from './failure.js'

/** How far a connection has come: for the error that a timeout gives. */
export interface Progress {
  /** The last address tried; none yet while the name is resolved. */
  address?: string
  phase: 'name resolution' | 'connection' | 'TLS handshake'
}

/** Runs `work` within the `timeout` and the `signal` of the options. */
export async function withinTimeLimit<T>(
  { host, port, device, timeout, signal }: ConnectOptions,
  work: (signal: AbortSignal, progress: Progress) => Promise<T>,
): Promise<T> {
  const progress: Progress = { phase: 'name resolution' }
  const deadline = new Deadline(timeout, signal, () =>
    connectTimeout(
      { address: progress.address ?? host, port, device },
      `${progress.phase} took longer than ${timeout} ms`,
    ),
  )
  try {
    return await work(deadline.signal, progress)
  } finally {
    deadline.end()
  }
}
