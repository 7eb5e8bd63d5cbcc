import { stateCells, stateColumns, whyOf } from '../monitor/status-table.js'
import { Exit } from '../shared/exit-code.js'
import { askMonitor, type MonitorStatus, unknownUplink } from '../shared/monitor-socket.js'
import type { Session } from '../shared/session.js'

export interface StatusFlags {
  socket: string
  json?: boolean
}

export async function run({ output }: Session, { socket }: StatusFlags, names: string[]): Promise<Exit> {
  const { at, inUse, uplinks: all } = await askMonitor(socket, { command: 'status' })
  const uplinks = names.length > 0 ? names.map(name => named(name, all)) : all
  output.object('status', { at, inUse, uplinks })
  const rows = uplinks.map(uplink => [...stateCells(uplink, output.color), whyOf(uplink)])
  await output.table([...stateColumns, { title: 'why', spare: true }], rows)
  output.line('', inUse === null ? 'no uplink works' : `new connections take ${output.color.bold(inUse)}`)
  return uplinks.some(({ state }) => state === 'down') ? Exit.unreachable : Exit.good
}

function named(name: string, uplinks: MonitorStatus['uplinks']) {
  const found = uplinks.find(uplink => uplink.name === name)
  if (!found) throw unknownUplink(name, uplinks)
  return found
}
