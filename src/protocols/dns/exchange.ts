import type { PathOptions } from '../../options.js'
import { askOverTcp } from './exchange-tcp.js'
import { askOverUdp } from './exchange-udp.js'
import { newQuery, type Response } from './message.js'
import type { RecordType } from './records.js'
import type { DnsServer } from './server-address.js'

export interface Try {
  readonly name: string
  readonly type: RecordType
  readonly server: DnsServer
  /** For each message, in milliseconds. */
  readonly timeout: number
  readonly useTcp: boolean
  readonly path: PathOptions
  readonly signal?: AbortSignal
}

/** Servers from before EDNS refuse a query that has it (RFC 6891 section 7): it is put once more without. */
const refusesEdns = new Set(['FORMERR', 'NOTIMP'])

/** One question to one server: by UDP, and by TCP where the answer is cut off (RFC 7766). */
export async function exchange(attempt: Try): Promise<Response> {
  const response = await ask(attempt, true)
  return refusesEdns.has(response.rcode) ? ask(attempt, false) : response
}

async function ask(attempt: Try, edns: boolean): Promise<Response> {
  const query = () => newQuery(attempt.name, attempt.type, edns)
  if (!attempt.useTcp) {
    const response = await askOverUdp(attempt, query())
    if (!response.truncated) return response
  }
  return askOverTcp(attempt, query())
}
