import { randomFillSync } from 'node:crypto'
import type { ClockSample } from './clock.js'
import type { EchoTemplate } from './echo-template.js'

export type Outcome = 'reply' | 'timeout' | 'unreachable' | 'ttl-exceeded' | 'too-big' | 'send-failed'

/** Who wants to know. One owner serves any number of probes. It is called in the middle of a drain: it must not throw. */
export interface ProbeOwner {
  /** The verdict is in. Once for every probe, unless it was cancelled. */
  settled(probe: Probe): void
  /** The reply came after the verdict `timeout`, but within `lateMs`; the round trip is measured. */
  late?(probe: Probe): void
  /** One more reply to a probe that has its reply. */
  duplicate?(probe: Probe): void
}

const cookies = new Uint32Array(2048)
let nextCookie = cookies.length

function takeCookie(): [number, number] {
  if (nextCookie === cookies.length) {
    randomFillSync(cookies)
    nextCookie = 0
  }
  return [cookies[nextCookie++]!, cookies[nextCookie++]!]
}

/** One echo request: what to send, and what came of it. */
export class Probe {
  outcome: Outcome | undefined
  /** On the wire. */
  sequence = -1
  readonly cookie = takeCookie()
  /** When it was handed to the kernel; shared by the probes of one batch. */
  sent: ClockSample | undefined
  /** Kernel stamps, milliseconds of the wall clock. */
  sentStamp = Number.NaN
  receivedStamp = Number.NaN
  /** Its reply was read. */
  answered = false
  /** Its sequence number can't be given to another probe. */
  inUse = false
  /** Monotonic: when the verdict is due, then when nobody waits for a late reply any more. */
  deadline = 0
  rttMs = Number.NaN
  kernelClock = false
  /** Of the ICMP message that came back, header included. */
  bytes = 0
  /** TTL or hop limit it came with; -1 unknown. */
  ttl = -1
  /** Socket address of who answered. */
  from: Uint8Array | undefined
  /** Type and code of what came back. */
  type = -1
  code = -1
  /** Of a `too-big`, or of the device where a local EMSGSIZE tells it. */
  mtu = 0
  /**
   * What the error quoted of the request, from its ICMP header on, and whatever follows: extensions (RFC 4884) begin where
   * 128 bytes of quoted packet end, IP header included.
   */
  quoted: Uint8Array | undefined
  error: Error | undefined
  /** Monotonic: since when the kernel has had no room for it. */
  blockedSince = -1

  /**
   * `target` is a socket address; `timeout` and `lateMs` milliseconds; `hops` the TTL or hop limit, -1 for the system's.
   * `tag` is the owner's own number for it.
   */
  constructor(
    readonly owner: ProbeOwner,
    readonly target: Uint8Array,
    readonly template: EchoTemplate,
    readonly timeout: number,
    readonly lateMs = 0,
    readonly hops = -1,
    readonly tag = 0,
  ) {}
}
