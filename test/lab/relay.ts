import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { atOnce, startWith, stop } from './processes.js'

/** What happens to frames on their way. Everything not said is as on a plain cable. */
export interface RelaySettings {
  /** Which way: `out` to the slow host, `back` from it. Default: both, so that a delay counts twice in a round trip. */
  direction?: 'out' | 'back' | 'both'
  delayMs?: number
  /** Added to the delay, uniformly from 0 to this. Keeps the order. */
  jitterMs?: number
  /** Probabilities, 0-1. */
  loss?: number
  duplicate?: number
  /** Probability that a frame is held for `heldMs` more, while others pass it. */
  reorder?: number
  /** Default 50. */
  heldMs?: number
}

export interface Relay {
  /** Replaces the settings of that direction for the frames that come from now on. */
  set(settings: RelaySettings): Promise<void>
  stop(): Promise<void>
}

/** Joins the router's device slow0 to the host `lab.slow`. Without it nothing passes there. Ends with the test. */
export async function relay(settings: RelaySettings = {}): Promise<Relay> {
  const script = fileURLToPath(new URL('../../tools/lab/relay.mjs', import.meta.url))
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
  // What stands in for the kernel does not wait for other processes.
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
