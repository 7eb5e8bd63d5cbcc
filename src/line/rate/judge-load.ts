import type { LoadSample } from './load-sample.js'
import type { RateLimit } from './rate-result.js'

/** What the samples of a load show. */
export interface LoadJudgement {
  /** The measured part: milliseconds since the load began. */
  readonly fromMs: number
  readonly toMs: number
  readonly bitsPerSecond: number
  readonly goodputBitsPerSecond: number
  readonly bytes: number
  readonly steady: boolean
  readonly tcpRttMs: number
  readonly retransmitRatio: number
  /** What held the sender back, if it was not the line. `receiver` and `sender` are the caller's to name. */
  readonly heldBack: readonly {
    readonly by: 'sender' | 'receiver'
    readonly what: RateLimit['what']
    readonly evidence: string
  }[]
}

/** The ramp is over when half a second has nine tenths of the rate of the second half. */
const rampMs = 500
const rampShare = 0.9
/** Halves of the measured part differ by so much at most if the rate was steady. */
const unsteadyShare = 0.1
/** Longer in that state is more than chance. */
const heldBackShare = 0.1
/** An event loop that is active for longer has no time left. */
const busyLoop = 0.9

/** Undefined: too short to show a rate. Pure. */
export function judgeLoad(samples: readonly LoadSample[], connections: number): LoadJudgement | undefined {
  const last = samples.length - 1
  if (last < 4 || samples[last]!.frameBytes === 0) return undefined
  const from = rampEnd(samples)
  const [first, end] = [samples[from]!, samples[last]!]
  const ms = end.atMs - first.atMs
  const grown = (name: keyof LoadSample) => end[name] - first[name]
  const middle = indexAt(samples, first.atMs + ms / 2)
  const [early, late] = [rate(samples, from, middle), rate(samples, middle, last)]
  const rtts = samples
    .slice(from)
    .map(({ rttMs }) => rttMs)
    .sort((a, b) => a - b)
  const tcpRttMs = rtts[rtts.length >> 1]!
  return {
    fromMs: first.atMs,
    toMs: end.atMs,
    bitsPerSecond: rate(samples, from, last),
    goodputBitsPerSecond: (grown('payloadBytes') * 8000) / ms,
    bytes: end.sentBytes,
    steady: Math.abs(early - late) <= unsteadyShare * Math.max(early, late),
    tcpRttMs,
    retransmitRatio: grown('sentBytes') === 0 ? 0 : grown('retransmittedBytes') / grown('sentBytes'),
    heldBack: heldBack(grown, ms, connections, stands(tcpRttMs, end.minRttMs)),
  }
}

/** A queue stands on the line: then it is the line that is full, whatever held the sender back from filling the queue further. */
function stands(rttMs: number, minRttMs: number): boolean {
  return rttMs > minRttMs * 1.5 + 2
}

function heldBack(
  grown: (name: keyof LoadSample) => number,
  ms: number,
  connections: number,
  lineIsFull: boolean,
): LoadJudgement['heldBack'] {
  const found: LoadJudgement['heldBack'][number][] = []
  const share = (time: number) => Math.min(1, Math.max(0, time / ms))
  const busy = busyEvidence(share(grown('activeMs')))
  if (busy !== undefined) found.push({ by: 'sender', what: 'processor', evidence: busy })
  if (lineIsFull) return found
  const window = share(grown('receiveWindowMs') / connections)
  if (window > heldBackShare)
    found.push({
      by: 'receiver',
      what: 'receive-window',
      evidence: `its receive window held the sender for ${percent(window)} of the time`,
    })
  const nothing = share(grown('sendBufferMs') / connections) + share(ms - grown('busyMs') / connections)
  if (nothing > heldBackShare)
    found.push({
      by: 'sender',
      what: 'send-buffer',
      evidence: `its send buffers were empty for ${percent(Math.min(1, nothing))} of the time`,
    })
  return found
}

/** That an event loop had no time left, by the share of the time in which it was active; undefined if it had. Pure. */
export function busyEvidence(active: number): string | undefined {
  return active > busyLoop ? `its event loop was active for ${percent(Math.min(1, active))} of the time` : undefined
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`
}

function rampEnd(samples: readonly LoadSample[]): number {
  const last = samples.length - 1
  const middle = indexAt(samples, samples[last]!.atMs / 2)
  const wanted = rampShare * rate(samples, middle, last)
  for (let first = 0; first < middle; first++) {
    const then = indexAt(samples, samples[first]!.atMs + rampMs)
    if (then > middle) return middle
    if (rate(samples, first, then) >= wanted) return then
  }
  return middle
}

/** The first sample at that time or later. */
function indexAt(samples: readonly LoadSample[], atMs: number): number {
  const index = samples.findIndex(sample => sample.atMs >= atMs)
  return index < 0 ? samples.length - 1 : index
}

function rate(samples: readonly LoadSample[], from: number, to: number): number {
  const ms = samples[to]!.atMs - samples[from]!.atMs
  return ms > 0 ? ((samples[to]!.frameBytes - samples[from]!.frameBytes) * 8000) / ms : 0
}
