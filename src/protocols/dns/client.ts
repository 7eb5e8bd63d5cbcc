import type { PathOptions } from '../../options.js'
import { type FoundRecord, followChain } from './answer.js'
import { exchange, type Try } from './exchange.js'
import { isWorthAnotherTry, mostTelling, noData, notFound, serverFailed } from './failures.js'
import type { Response } from './message.js'
import type { RecordType } from './records.js'
import type { ResolvConf } from './resolv-conf.js'
import type { DnsServer } from './server-address.js'

/** How questions are put. */
export interface Asking {
  readonly conf: ResolvConf
  readonly path: PathOptions
  readonly signal?: AbortSignal
  /** Told of each server that answers, whatever it says. */
  readonly onAnswer?: (server: DnsServer) => void
}

/**
 * The records of one name (in wire form) and type: server after server, `attempts` rounds. At least one record, or it
 * rejects with what src/protocols/dns/failures.ts lists.
 */
export async function queryRecords(name: string, type: RecordType, asking: Asking): Promise<FoundRecord[]> {
  const { conf, path, signal } = asking
  const failures = []
  const round = inOrder(conf)
  const tries = Array.from({ length: conf.attempts }, () => round).flat()
  for (const [index, server] of tries.entries()) {
    const timeout = index === tries.length - 1 ? (conf.lastTimeout ?? conf.timeout) : conf.timeout
    const attempt = { name, type, server, timeout, useTcp: conf.useTcp, path, signal }
    try {
      return recordsOf(await exchange(attempt), attempt, asking)
    } catch (error) {
      if (signal?.aborted || !isWorthAnotherTry(error)) throw error
      failures.push(error)
    }
  }
  throw mostTelling(failures, name, path)
}

function recordsOf({ rcode, referral, answers }: Response, { name, type, server }: Try, asking: Asking): FoundRecord[] {
  const { device } = asking.path
  asking.onAnswer?.(server)
  if (rcode === 'NXDOMAIN') throw notFound(name, device)
  if (rcode !== 'NOERROR') throw serverFailed(name, rcode, server, device)
  if (referral) throw serverFailed(name, 'to ask elsewhere (it does not resolve names)', server, device)
  const found = followChain(answers, name, type)
  if (!found) throw serverFailed(name, 'a chain of CNAMEs without an end', server, device)
  if (found.length === 0) throw noData(name, type, device)
  return found
}

let turn = 0

function inOrder({ servers, rotate }: ResolvConf): readonly DnsServer[] {
  if (!rotate) return servers
  const first = turn++ % servers.length
  return [...servers.slice(first), ...servers.slice(0, first)]
}
