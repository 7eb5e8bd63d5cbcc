import type { NetviaError } from '../../errors.js'
import type { PathOptions } from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { askOverTcp } from './exchange-tcp.js'
import { askOverUdp } from './exchange-udp.js'
import { newQuery, type Response } from './message.js'
import type { RecordType } from './records.js'
import type { DnsServer } from './server-address.js'

export interface Try {
  readonly name: string
  readonly type: RecordType
  readonly server: DnsServer
  readonly edns: boolean
  readonly useTcp: boolean
  readonly path: PathOptions
  /** Ends it. An answer that has arrived by then still counts. */
  readonly signal: Signal
  /** Called for an ICMP error. Anybody can forge one, so the try goes on. */
  readonly onUnreachable: (error: NetviaError) => void
  /** Called before it asks again over TCP. */
  readonly onCutOff: () => void
}

/** One question to one server: by UDP, and by TCP where the answer is cut off (RFC 7766). */
export async function exchange(attempt: Try): Promise<Response> {
  if (!attempt.useTcp) {
    const response = await askOverUdp(attempt)
    if (!response.truncated) return response
    attempt.onCutOff()
  }
  return askOverTcp(attempt, newQuery(attempt.name, attempt.type, attempt.edns))
}
