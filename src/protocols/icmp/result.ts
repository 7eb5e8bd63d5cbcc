import type { NetviaError } from '../../errors.js'
import { decodeAddress } from '../../sockets/address.js'
import { reasonOf } from './packet/reasons.js'
import type { Verdict } from './probe/echo-request.js'

/** The fields of every `PingResult`. All are always present; `outcome` determines which are `undefined`. */
export interface PingFields {
  /** What happened. It distinguishes the kinds of result. */
  outcome: 'reply' | 'unreachable' | 'ttl-exceeded' | 'too-big' | 'timeout' | 'send-failed'
  /** Whether a reply came: `outcome` is `reply`. */
  alive: boolean
  /** The host as you passed it. */
  host: string
  /** The address that was asked. */
  address: string
  /** Family of that address, 4 or 6. */
  family: 4 | 6
  /** Number of the probe in its series, from 0; it does not wrap. */
  sequence: number
  /** When the request was passed to the kernel (or refused), in milliseconds since the epoch, with fractions. */
  sentAt: number
  /** `kernel`: both ends of `rttMs` are kernel timestamps. */
  clock: 'kernel' | 'user'
  /** Milliseconds from sending until any answer, with fractions. */
  rttMs: number | undefined
  /**
   * The part of `rttMs` that the request waited in this machine's own device queue, in milliseconds. It is near 0 unless the
   * uplink is saturated or shaped. `undefined` if the kernel doesn't report it: in sweeps, and with some drivers.
   */
  queuedMs: number | undefined
  /** Address of the host that answered. For an error, the router that sent it. */
  from: string | undefined
  /** TTL or hop limit of the answer, if the kernel reports it. */
  ttl: number | undefined
  /** ICMP type of the answer; `undefined` if it wasn't an ICMP message (traceroute over UDP or TCP). */
  type: number | undefined
  /** ICMP code of the answer. */
  code: number | undefined
  /** Size of the answer in bytes: for ICMP the message with its header, for UDP the payload, for TCP 0 (traceroute). */
  bytes: number | undefined
  /** The meaning of an ICMP error (RFC 792, RFC 1812, RFC 4443), or why the request was not sent, in words. */
  reason: string | undefined
  /**
   * For `too-big`: bytes that fit the next link, if the router reports it. For `send-failed`: MTU of the device or path, if the
   * request exceeds it (EMSGSIZE).
   */
  mtu: number | undefined
  /** For `send-failed`: the error with which this machine refused the request. */
  error: NetviaError | undefined
}

/** An answer came back. */
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

/** An ICMP error came back. */
interface AnsweredByError extends Answered {
  alive: false
  type: number
  code: number
  bytes: undefined
  reason: string
  error: undefined
}

/** The host, or a router on the path, reports that the host is unreachable or that the TTL expired. */
export interface PingRejected extends AnsweredByError {
  outcome: 'unreachable' | 'ttl-exceeded'
  mtu: undefined
}

/** The request exceeds the MTU of a link on the path and must not be fragmented. */
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

/** No answer came in time. */
export interface PingTimeout extends Unanswered {
  outcome: 'timeout'
  reason: undefined
  mtu: undefined
  error: undefined
}

/** This machine did not send the request, or can't receive: its device was set down. Not loss in the network. */
export interface PingSendFailed extends Unanswered {
  outcome: 'send-failed'
  reason: string
  error: NetviaError
}

/** The result of one echo request. `outcome` distinguishes the kinds; all fields are always present. */
export type PingResult = PingReply | PingRejected | PingTooBig | PingTimeout | PingSendFailed

/** The host that was asked. */
export interface Target {
  host: string
  address: string
  family: 4 | 6
}

type ProbeVerdict = Omit<Verdict, 'tag' | 'quoted'>

/** One object literal for all outcomes. Sweeps make hundreds of thousands per second, and objects of one shape are cheap. */
export function toResult(target: Target, sequence: number, verdict: ProbeVerdict): PingResult {
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

function fromOf({ address }: Target, { from, target }: ProbeVerdict): string {
  return from === target ? address : (decodeAddress(from!)?.address ?? address)
}
