import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { atOnce, startWith, stop } from './processes.js'

/** What the relay does to frames. By default it behaves like a cable. */
export interface RelaySettings {
  /** `out` is to the slow host, `back` is from it. Default: both, so a delay counts twice in a round trip. */
  direction?: 'out' | 'back' | 'both'
  delayMs?: number
  /** An additional delay for each byte of a frame, as on a slow line. */
  byteMs?: number
  /** The maximum of a uniformly distributed additional delay. Keeps frames in order. */
  jitterMs?: number
  /** Probabilities, 0-1. */
  loss?: number
  duplicate?: number
  /** The probability that a frame is held for another `heldMs`, while later frames pass it. */
  reorder?: number
  /** Default 50. */
  heldMs?: number
}

export interface Relay {
  /** Replaces the settings of that direction for frames that arrive from now on. */
  set(settings: RelaySettings): Promise<void>
  stop(): Promise<void>
}

/** Connects the router's device slow0 to the host `lab.slow`. Without a relay, no frames pass. It ends with the test. */
export async function relay(settings: RelaySettings = {}): Promise<Relay> {
  const script = fileURLToPath(new URL('../../tools/lab/relay.mjs', import.meta.url))
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
  // The relay stands in for the kernel, so it must not wait for other processes.
  const child = startWith([...stdio], 'relay', ...atOnce, process.execPath, script, JSON.stringify(settings))
  await Promise.race([once(child, 'message'), once(child, 'exit').then(() => Promise.reject(new Error('no relay')))])
  return {
    async set(changed) {
      const done = once(child, 'message')
      child.send(changed)
      await done
    },
    stop: () => stop(child),
  }
}
