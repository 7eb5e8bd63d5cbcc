import type { UplinkState } from '../state/state-machine.js'
import type { CheckEvent } from './event-types.js'

/** The states that a metric has one series for. */
export const uplinkStates: readonly UplinkState[] = ['unknown', 'up', 'degraded', 'down']

/** The results that a metric counts. 'local': the check failed on this machine, and asked the network nothing. */
export const checkResults = ['ok', 'failed', 'local'] as const

export function checkResult({ ok, local }: CheckEvent): (typeof checkResults)[number] {
  return ok ? 'ok' : local ? 'local' : 'failed'
}

/** Bounds of a latency histogram, in seconds: from a local network to a satellite's worst. */
export const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
