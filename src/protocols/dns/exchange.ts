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
  /** Ends the attempt. An answer that has arrived by then still counts. */
  readonly signal: Signal
  /** Called for an ICMP error. Anybody can forge one, so the attempt continues. */
  readonly onUnreachable: (error: NetviaError) => void
  /** Called before the question is repeated over TCP. */
  readonly onCutOff: () => void
}

/** Asks one server: over UDP, and over TCP if the answer is truncated (RFC 7766). */
export function exchange(attempt: Try): Promise<Response> {
  const overTcp = () => askOverTcp(attempt, newQuery(attempt.name, attempt.type, attempt.edns))
  if (attempt.useTcp) return overTcp()
  return askOverUdp(attempt).then(response => {
    if (!response.truncated) return response
    attempt.onCutOff()
    return overTcp()
  })
}
