import type { DnsServer } from './server-address.js'

/** One datagram, or one TCP connection, to one server. */
export interface PlannedTry {
  readonly server: DnsServer
  /** When it begins, in milliseconds from the start of the question, unless an earlier one fails before. */
  readonly at: number
  readonly edns: boolean
  /** It only helps if the server did not understand the EDNS of the previous try. */
  readonly fallback: boolean
}

export interface Plan {
  readonly servers: readonly DnsServer[]
  /** Rounds through the servers. */
  readonly attempts: number
  /** For the whole question, in milliseconds. */
  readonly limit: number
}

/** Whether a server copes with EDNS (RFC 6891): yes, no, or unknown. */
export type CopesWithEdns = (server: DnsServer) => boolean | undefined

/** How long a server has before the next one is asked beside it, in milliseconds. */
const serverDelay = 300
/** How long one server has before it is asked again. */
const roundDelay = 1000
/** How long a server has whose EDNS is unknown, before it is asked without. A near server that copes answers sooner. */
const ednsDelay = 40

/**
 * The tries of one question. All stay open to the end, so the delays only decide how much is sent, not who may answer. A short limit
 * shortens them: within any limit each server is asked in each round. Later rounds go without EDNS, since silence may be due to it.
 */
export function planTries({ servers, attempts, limit }: Plan, copesWithEdns: CopesWithEdns): PlannedTry[] {
  const step = Math.min(serverDelay, limit / (servers.length * attempts + 1))
  const round = Math.max(servers.length * step, Math.min(roundDelay, limit / (attempts + 1)))
  const plan: PlannedTry[] = []
  for (let turn = 0; turn < attempts; turn++) {
    for (const [index, server] of servers.entries()) {
      const at = turn * round + index * step
      const copes = turn === 0 ? copesWithEdns(server) : false
      plan.push({ server, at, edns: copes !== false, fallback: false })
      if (copes === undefined)
        plan.push({ server, at: at + Math.min(ednsDelay, step / 2), edns: false, fallback: true })
    }
  }
  return plan
}
