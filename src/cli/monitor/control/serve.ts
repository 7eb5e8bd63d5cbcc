import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { ProxyStatistics } from '../../../proxy/statistics.js'
import { defaultSocket } from '../../shared/monitor-socket.js'
import type { Session } from '../../shared/session.js'
import type { MonitorFlags } from '../run.js'
import { Control, type ControlEvents } from './control.js'
import { makeFolderOf } from './listen.js'

/**
 * Answers `netvia status` and `netvia force`. A socket that was named must be created. If the default one may not be created, the
 * monitor runs without.
 */
export async function serveControl(
  { output }: Session,
  { socket, socketGroup }: Pick<MonitorFlags, 'socket' | 'socketGroup'>,
  monitor: UplinkMonitor,
  events: ControlEvents,
  proxied: () => ProxyStatistics | undefined,
): Promise<Control | undefined> {
  if (socket === false) return undefined
  const control = new Control(monitor, events, proxied)
  try {
    if (socket === undefined) makeFolderOf(defaultSocket)
    await control.listen(socket ?? defaultSocket, socketGroup)
    control.server.on('error', error => output.note(`netvia: control socket: ${error.message}`))
    return control
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (socket !== undefined || socketGroup !== undefined) throw error
    if (code === 'EADDRINUSE') output.note(`netvia: ${message}; netvia status uses that one`)
    else if (!/^E(ACCES|PERM|ROFS)$/.test(code!)) output.note(`netvia: no control socket: ${message}`)
    return undefined
  }
}
