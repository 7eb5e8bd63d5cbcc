import { lab, needs } from '../lab/index.js'
import { runWithInput } from '../lab/processes.js'
import { quiet } from './quiet.js'

needs('nft')

const uplinks = ['wan1', 'wan2'] as const
let tables = 0

const interfaceOf = { prerouting: 'iifname', postrouting: 'oifname' } as const
type Hook = keyof typeof interfaceOf

/**
 * The kernel's answers to late packets of closed TCP connections, which no option of a socket can bind (docs/paths.md). A socket's own
 * resets also acknowledge.
 */
export const resetsOfNoSocket = 'tcp flags & (rst | ack) == rst'

/** The number of IP packets in both directions on each uplink while `work` ran, but for those that match `ignored`. */
export function movedDuring(work: () => unknown, ignored?: string): Promise<{ wan1: number; wan2: number }> {
  return countedDuring(work, ['prerouting', 'postrouting'], ignored)
}

/** The same for sent packets only, because replies may arrive through the other uplink. */
export function sentDuring(work: () => unknown): Promise<{ wan1: number; wan2: number }> {
  return countedDuring(work, ['postrouting'])
}

/**
 * Lets the kernel count packets. Excludes what hosts send on their own at any time: ARP, neighbour discovery and multicast group
 * reports.
 */
async function countedDuring(
  work: () => unknown,
  hooks: Hook[],
  ignored?: string,
): Promise<{ wan1: number; wan2: number }> {
  await quiet()
  const table = `moved_${process.pid}_${++tables}`
  const chain = (hook: Hook) => `chain ${hook} {
    type filter hook ${hook} priority 300
    icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } return
    icmpv6 type { mld-listener-query, mld-listener-report, mld2-listener-report } return
    ${ignored === undefined ? '' : `${ignored} return`}
    ${uplinks.map(device => `${interfaceOf[hook]} "${device}" counter name ${device}`).join('\n')}
  }`
  const counters = uplinks.map(device => `counter ${device} {}`).join('\n')
  const text = `table inet ${table} {\n${counters}\n${hooks.map(chain).join('\n')}\n}\n`
  runWithInput('router', text, 'nft', '-f', '-')
  try {
    await work()
    const listed = lab.run('router', 'nft', 'list', 'counters', 'table', 'inet', table)
    const packets = (device: string) => Number(new RegExp(`counter ${device} \\{\\s+packets (\\d+)`).exec(listed)![1])
    return { wan1: packets('wan1'), wan2: packets('wan2') }
  } finally {
    lab.run('router', 'nft', 'delete', 'table', 'inet', table)
  }
}
