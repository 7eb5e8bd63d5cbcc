import type { DnsServer } from './server-address.js'

/** One attempt: one datagram or one TCP connection to one server. */
export interface PlannedTry {
  readonly server: DnsServer
  /** When it starts, in milliseconds from the start of the question. It starts earlier if a previous attempt fails. */
  readonly at: number
  readonly edns: boolean
  /** Only useful if the server did not understand the EDNS of the previous attempt. */
  readonly fallback: boolean
}

export interface Plan {
  readonly servers: readonly DnsServer[]
  /** Rounds through the servers. */
  readonly attempts: number
  /** Milliseconds for the whole question. */
  readonly limit: number
}

/** Whether a server supports EDNS (RFC 6891): yes, no, or unknown. */
export type CopesWithEdns = (server: DnsServer) => boolean | undefined

/** Milliseconds until the next server is asked too. */
const serverDelay = 300
/** Milliseconds until a server is asked again. */
const roundDelay = 1000
/**
 * Milliseconds until a server whose EDNS support is unknown is asked without it. A near server that supports EDNS answers
 * sooner.
 */
const ednsDelay = 40

/**
 * Plans the attempts of one question. All stay open to the end, so the delays only decide how much is sent, not which
 * server may answer. A short limit shortens the delays: within any limit, each round asks each server. Later rounds go
 * without EDNS, because it may be the reason for the silence.
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
