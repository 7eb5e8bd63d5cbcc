import type { EchoTemplate } from './echo-template.js'

export type Outcome = 'reply' | 'timeout' | 'unreachable' | 'ttl-exceeded' | 'too-big' | 'send-failed'

/** What came of one probe. The one that owners are told is used again for the next: copy what is needed longer. */
export interface Verdict {
  outcome: Outcome | undefined
  /** The owner's own number for the probe. */
  tag: number
  /** When it was handed to the kernel, milliseconds of the wall clock; NaN if it never was. */
  sentAt: number
  rttMs: number
  /** Of that, what the request waited in the queue of this machine's device; NaN where the kernel does not tell. */
  queuedMs: number
  /** Both ends of the round trip are kernel timestamps. */
  kernelClock: boolean
  /** Of the ICMP message that came back, header included. */
  bytes: number
  /** TTL or hop limit it came with; -1 unknown. */
  ttl: number
  /** Socket address that was asked. */
  target: Uint8Array
  /** Socket address of who answered; the same object as `target` where it was the target. */
  from: Uint8Array | undefined
  /** Type and code of what came back. */
  type: number
  code: number
  /** Of a `too-big`, or of the device where a local EMSGSIZE tells it; 0 unknown. */
  mtu: number
  /**
   * What the error quoted of the request, from its ICMP header on, and whatever follows: extensions (RFC 4884) begin where
   * 128 bytes of quoted packet end, IP header included.
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

/** Who wants to know. It is called in the middle of a drain: it must not throw. */
export interface ProbeOwner {
  /** The verdict is in. Once for every probe, unless its request was cancelled. */
  settled(verdict: Verdict): void
  /** The reply came after the verdict `timeout`, but within `lateMs`; the round trip is measured. */
  late?(verdict: Verdict): void
  /** One more reply to a probe that has its reply; of a group, perhaps from another host. */
  duplicate?(verdict: Verdict): void
}

interface RequestOptions {
  /** Milliseconds after the timeout in which a reply still takes the loss back. */
  lateMs?: number
  /** TTL or hop limit, -1 for the system's. */
  hops?: number
  /** Somebody waits for the answer: it is told as soon as it is there, not by the next tick. */
  prompt?: boolean
}

/** What all probes of one call have in common. */
export class EchoRequest {
  readonly lateMs: number
  readonly hops: number
  readonly prompt: boolean
  /** Probes without a verdict. The path counts them. */
  inFlight = 0
  /** Its owner is told nothing more. */
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
