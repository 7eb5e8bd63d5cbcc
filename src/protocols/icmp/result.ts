import type { NetviaError } from '../../errors.js'
import { decodeAddress } from '../../sockets/address.js'
import { reasonOf } from './packet/reasons.js'
import type { Verdict } from './probe/echo-request.js'

/** The fields of every `PingResult`. All are always there; which are `undefined` depends on `outcome`. */
export interface PingFields {
  /** What happened; tells the kinds of result apart. */
  outcome: 'reply' | 'unreachable' | 'ttl-exceeded' | 'too-big' | 'timeout' | 'send-failed'
  /** A reply came: `outcome` is `reply`. */
  alive: boolean
  /** As it was given. */
  host: string
  /** The address that was asked. */
  address: string
  /** Of that address: 4 or 6. */
  family: 4 | 6
  /** Number of the probe in its series, from 0; it does not wrap. */
  sequence: number
  /** When the request was handed to the kernel (or refused): milliseconds since the epoch, with fractions. */
  sentAt: number
  /** `kernel`: both ends of `rttMs` are kernel timestamps. */
  clock: 'kernel' | 'user'
  /** From sending until whatever came back, in milliseconds with fractions. */
  rttMs: number | undefined
  /**
   * Of `rttMs`, what the request waited in the queue of this machine's own device, in milliseconds: near 0 unless the uplink
   * is saturated or shaped. `undefined` where the kernel does not tell: a sweep, and some drivers.
   */
  queuedMs: number | undefined
  /** Address of who answered: of an error, the router that sent it. */
  from: string | undefined
  /** TTL or hop limit the answer came with, where the kernel tells it. */
  ttl: number | undefined
  /** ICMP type of the answer; `undefined` where it was no ICMP message: traceroute by UDP or TCP. */
  type: number | undefined
  /** ICMP code of the answer. */
  code: number | undefined
  /** Of the ICMP message of a reply, its header included; of a UDP answer, its payload; 0 where TCP answered (traceroute). */
  bytes: number | undefined
  /** What an ICMP error says (RFC 792, RFC 1812, RFC 4443), or why it was not sent; in words. */
  reason: string | undefined
  /**
   * Of `too-big`: bytes that fit the next link, where the router says so. Of `send-failed`: MTU of the device or path, when the
   * request is larger than that (EMSGSIZE).
   */
  mtu: number | undefined
  /** Of `send-failed`: what this machine refused it with. */
  error: NetviaError | undefined
}

/** Something came back. */
interface Answered extends PingFields {
  rttMs: number
  from: string
}

/** The host answered. */
export interface PingReply extends Answered {
  outcome: 'reply'
  alive: true
  bytes: number
  reason: undefined
  mtu: undefined
  error: undefined
}

/** An ICMP error. */
interface AnsweredByError extends Answered {
  alive: false
  type: number
  code: number
  bytes: undefined
  reason: string
  error: undefined
}

/** The host, or a router on the way, says that it can't be reached, or that the TTL has ended. */
export interface PingRejected extends AnsweredByError {
  outcome: 'unreachable' | 'ttl-exceeded'
  mtu: undefined
}

/** Larger than a link on the way, and not to be fragmented. */
export interface PingTooBig extends AnsweredByError {
  outcome: 'too-big'
}

interface Unanswered extends PingFields {
  alive: false
  bytes: undefined
  rttMs: undefined
  queuedMs: undefined
  ttl: undefined
  from: undefined
  type: undefined
  code: undefined
}

/** Nothing came back in time. */
export interface PingTimeout extends Unanswered {
  outcome: 'timeout'
  reason: undefined
  mtu: undefined
  error: undefined
}

/** This machine did not send it: no loss of the network. */
export interface PingSendFailed extends Unanswered {
  outcome: 'send-failed'
  reason: string
  error: NetviaError
}

/** What became of one echo request, told apart by `outcome`. All fields are always there. */
export type PingResult = PingReply | PingRejected | PingTooBig | PingTimeout | PingSendFailed

/** Who was asked. */
export interface Target {
  host: string
  address: string
  family: 4 | 6
}

type Told = Omit<Verdict, 'tag' | 'quoted'>

/** One object literal for all outcomes: sweeps make hundreds of thousands a second, and objects of one shape are cheap. */
export function toResult(target: Target, sequence: number, verdict: Told): PingResult {
  const { outcome, type, code, error } = verdict
  const answered = outcome !== 'timeout' && outcome !== 'send-failed'
  const reply = outcome === 'reply'
  const typed = answered && type >= 0
  const result = {
    outcome,
    alive: reply,
    host: target.host,
    address: target.address,
    family: target.family,
    sequence,
    sentAt: Number.isNaN(verdict.sentAt) ? Date.now() : verdict.sentAt,
    clock: verdict.kernelClock ? 'kernel' : 'user',
    rttMs: answered ? verdict.rttMs : undefined,
    queuedMs: answered && verdict.queuedMs >= 0 ? verdict.queuedMs : undefined,
    from: answered ? fromOf(target, verdict) : undefined,
    ttl: answered && verdict.ttl >= 0 ? verdict.ttl : undefined,
    type: typed ? type : undefined,
    code: typed ? code : undefined,
    bytes: reply ? verdict.bytes : undefined,
    reason: answered && !reply ? reasonOf(target.family, type, code) : error?.message,
    mtu: (outcome === 'too-big' || outcome === 'send-failed') && verdict.mtu ? verdict.mtu : undefined,
    error,
  }
  return result as PingResult
}

function fromOf({ address }: Target, { from, target }: Told): string {
  return from === target ? address : (decodeAddress(from!)?.address ?? address)
}
