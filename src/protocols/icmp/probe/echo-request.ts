import type { EchoTemplate } from './echo-template.js'

export type Outcome = 'reply' | 'timeout' | 'unreachable' | 'ttl-exceeded' | 'too-big' | 'send-failed'

/** The outcome of one probe. The object passed to owners is reused for the next probe: copy what you keep. */
export interface Verdict {
  outcome: Outcome | undefined
  /** The owner's own number for the probe. */
  tag: number
  /** When the probe was passed to the kernel, in milliseconds of the wall clock; NaN if it never was. */
  sentAt: number
  rttMs: number
  /** The part of it that the request waited in this machine's device queue; NaN if unknown. */
  queuedMs: number
  /** Whether both ends of the round trip are kernel timestamps. */
  kernelClock: boolean
  /** Size of the ICMP message that came back, including its header. */
  bytes: number
  /** Its TTL or hop limit; -1 if unknown. */
  ttl: number
  /** Socket address of the target. */
  target: Uint8Array
  /** Socket address of the host that answered; the same object as `target` if that was the target. */
  from: Uint8Array | undefined
  /** Type and code of the message that came back. */
  type: number
  code: number
  /** MTU from a `too-big`, or of the device after a local EMSGSIZE; 0 if unknown. */
  mtu: number
  /**
   * The part of the request that the error quoted, from its ICMP header on, and everything after it. Extensions (RFC 4884)
   * begin after 128 bytes of quoted packet, IP header included.
   */
  quoted: Uint8Array | undefined
  error: Error | undefined
}

export function emptyVerdict(target: Uint8Array): Verdict {
  return {
    outcome: undefined,
    tag: 0,
    sentAt: Number.NaN,
    rttMs: Number.NaN,
    queuedMs: Number.NaN,
    kernelClock: false,
    bytes: 0,
    ttl: -1,
    target,
    from: undefined,
    type: -1,
    code: -1,
    mtu: 0,
    quoted: undefined,
    error: undefined,
  }
}

/** Receives verdicts. It is called in the middle of a drain, so it must not throw. */
export interface ProbeOwner {
  /** Receives the verdict, once per probe unless its request was cancelled. */
  settled(verdict: Verdict): void
  /** A reply came after the verdict `timeout`, but within `lateMs`. The round trip was measured. */
  late?(verdict: Verdict): void
  /** Another reply to an answered probe. In a group it may come from another host. */
  duplicate?(verdict: Verdict): void
}

interface RequestOptions {
  /** Milliseconds after the timeout during which a reply takes the loss back. */
  lateMs?: number
  /** TTL or hop limit; -1 for the system's. */
  hops?: number
  /** The caller is waiting for the answer: report it as soon as it arrives, not at the next tick. */
  prompt?: boolean
}

/** Everything that the probes of one call have in common. */
export class EchoRequest {
  readonly lateMs: number
  readonly hops: number
  readonly prompt: boolean
  /** Probes without a verdict, counted by the path. */
  inFlight = 0
  /** The owner receives nothing more. */
  cancelled = false

  /** `timeout`: milliseconds. */
  constructor(
    readonly owner: ProbeOwner,
    readonly template: EchoTemplate,
    readonly timeout: number,
    { lateMs = 0, hops = -1, prompt = true }: RequestOptions = {},
  ) {
    this.lateMs = lateMs
    this.hops = hops
    this.prompt = prompt
  }
}
