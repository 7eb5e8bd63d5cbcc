import { forcedText } from '../monitor/status-table.js'
import { usageError } from '../shared/arguments.js'
import { Exit } from '../shared/exit-code.js'
import { askMonitor, named } from '../shared/monitor-socket.js'
import type { Session } from '../shared/session.js'

export interface ForceFlags {
  socket: string
  for?: number
  why?: string
  json?: boolean
}

export async function run(
  { output }: Session,
  { socket, for: forMs, why }: ForceFlags,
  name: string,
  state: 'up' | 'down' | 'auto',
): Promise<Exit> {
  if (state === 'auto' && (forMs !== undefined || why !== undefined)) {
    throw usageError('--for and --why go with up or down: auto ends a force')
  }
  const request = { command: 'force', uplink: name, state, forMs, why } as const
  const { uplinks, keepsForces } = await askMonitor(socket, request)
  const uplink = named(name, uplinks)
  const { forced, reason } = uplink
  output.object('result', { uplink: name, state: uplink.state, reason, forced, kept: keepsForces })
  output.line(`${output.color.bold(name)}: ${forced ? forcedText(forced) : `${uplink.state} (${reason})`}`)
  if (forced && !keepsForces)
    output.note('netvia: the monitor has no stateFile that it can write, so the force ends when the monitor does')
  return Exit.good
}
