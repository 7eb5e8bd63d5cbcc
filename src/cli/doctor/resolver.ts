import { checkDns } from '../../checks/check-dns.js'
import type { Finding } from './finding.js'

/** Never delegated (RFC 6761): whatever the server says of it, it is there. */
const question = 'netvia.invalid'
const patienceMs = 3000

/** Whether a name server of /etc/resolv.conf answers over the device. */
export async function resolverFinding(device: string | undefined, signal: AbortSignal): Promise<Finding> {
  const about = `${device === undefined ? '' : `${device}: `}name server`
  const { ok, error, server, latencyMs } = await checkDns(question, { device, timeout: patienceMs, signal })
  const answered = ok || ['ENOTFOUND', 'ENODATA'].includes(error!.code)
  if (answered) {
    const time = latencyMs === undefined ? '' : ` in ${latencyMs.toFixed(1)} ms`
    return { about, status: 'yes', detail: `${server ?? 'it'} answers${time}`, device }
  }
  // SERVFAIL, REFUSED: it is reached, and has its own troubles.
  if (error!.code === 'EAI_AGAIN') return { about, status: 'note', detail: error!.message, device }
  return { about, status: 'no', detail: error!.message, fix: fix(device), device }
}

function fix(device: string | undefined): string {
  const by = device === undefined ? '' : ` by ${device}`
  return `echo 'nameserver ADDRESS' >> /etc/resolv.conf  # one that is reachable${by}; or --server ADDRESS`
}
