import type { ProxyStatistics } from '../../proxy/statistics.js'
import { stateCells, stateColumns, whyOf } from '../monitor/status-table.js'
import { Exit } from '../shared/exit-code.js'
import { askMonitor, type MonitorStatus, named } from '../shared/monitor-socket.js'
import { brief, plural } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'

export interface StatusFlags {
  socket: string
  json?: boolean
}

export async function run({ output }: Session, { socket }: StatusFlags, names: string[]): Promise<Exit> {
  const { at, inUse, uplinks: all, proxy } = await askMonitor(socket, { command: 'status' })
  const uplinks = names.length > 0 ? names.map(name => named(name, all)) : all
  output.object('status', { at, inUse, uplinks, proxy })
  const rows = uplinks.map(uplink => [...stateCells(uplink, output.color), whyOf(uplink)])
  await output.table([...stateColumns, { title: 'why', spare: true }], rows)
  for (const line of uplinks.flatMap(meteredLine)) output.line(line)
  output.line('', inUse === null ? 'no uplink works' : `new connections take ${output.color.bold(inUse)}`)
  if (proxy) output.line(...proxyLines(proxy))
  return uplinks.some(({ state }) => state === 'down') ? Exit.unreachable : Exit.good
}

function meteredLine({ name, metered }: MonitorStatus['uplinks'][number]): string[] {
  if (!metered) return []
  const { quota, spentBytes, evidence } = metered
  const proof = { traffic: 'traffic proved it last', probe: 'a check proved it last' }
  const proved = evidence === null ? 'nothing proved it yet' : proof[evidence]
  return [`${name}: checks cost ${brief(spentBytes)}B of ${brief(quota)}B in this period, ${proved}`]
}

function proxyLines({ clients, refused, uplinks }: ProxyStatistics): string[] {
  const parts = Object.entries(uplinks).map(([name, { open, connections, failures }]) => {
    return `${name} ${open} open of ${connections}, ${plural(failures, 'failure')}`
  })
  return [[`proxy: ${plural(clients, 'client connection')}, ${refused} refused`, ...parts].join('; ')]
}
