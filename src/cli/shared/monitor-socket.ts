import { connect } from 'node:net'
import { NetviaError } from '../../errors.js'
import type { UplinkSnapshot } from '../../monitor/record/event-types.js'
import type { ProxyStatistics } from '../../proxy/statistics.js'

/** Where a monitor answers by default. */
export const defaultSocket = '/run/netvia/monitor.sock'
/** Bytes of `sun_path` that a name may have (unix(7)). */
export const longestSocket = 107

/** What a monitor can be asked, as one line of JSON. */
export type MonitorRequest =
  | { command: 'status' }
  | { command: 'force'; uplink: string; state: 'up' | 'down' | 'auto'; forMs?: number; why?: string }

/** The answer to `status` and `force`. */
export interface MonitorStatus {
  at: number
  /** The uplink that new connections take under 'failover'; null: none works. */
  inUse: string | null
  /** Forces are kept over a restart. */
  keepsForces: boolean
  uplinks: UplinkSnapshot[]
  /** The proxy's statistics, if there is a proxy. */
  proxy?: ProxyStatistics | undefined
}

/** One line of JSON as well. */
export type MonitorAnswer = { status: MonitorStatus } | { error: { code: string; message: string } }

/** @throws NetviaError `ENOTFOUND`. */
export function named(name: string, uplinks: readonly UplinkSnapshot[]): UplinkSnapshot {
  const found = uplinks.find(uplink => uplink.name === name)
  if (found) return found
  const known = uplinks.map(uplink => uplink.name).join(', ')
  throw new NetviaError(`no uplink is named ${JSON.stringify(name)} (${known})`, { code: 'ENOTFOUND' })
}

/** Milliseconds for a whole answer. A monitor itself ends an exchange after half of that. */
const patience = 10_000
/** Characters of an answer: more than a monitor of thousands of uplinks has to report. */
const longestAnswer = 1 << 25

/**
 * Asks the monitor that runs on this machine.
 *
 * @throws NetviaError `ERR_NO_MONITOR` where none answers, `EACCES`, or the error that the monitor answers with.
 */
export async function askMonitor(path: string, request: MonitorRequest): Promise<MonitorStatus> {
  // Every subcommand loads this file, for the name of the socket.
  const { parseAnswer } = await import('./monitor-answer.js')
  const answer = parseAnswer(await exchange(path, `${JSON.stringify(request)}\n`))
  if (!answer) throw noMonitor(path, 'what answers there is no monitor')
  if ('error' in answer) throw new NetviaError(answer.error.message, { code: answer.error.code })
  return answer.status
}

async function exchange(path: string, line: string): Promise<string> {
  const socket = connect(path)
  const late = () => socket.destroy(noMonitor(path, `no whole answer in ${patience / 1000} s`))
  const timer = setTimeout(late, patience)
  socket.setEncoding('utf8').write(line)
  let answer = ''
  try {
    for await (const text of socket) {
      answer += text
      if (answer.length > longestAnswer) throw noMonitor(path, 'what answers there has no end')
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') {
      const hint = "ask as the monitor's user, or as a member of its --socket-group"
      throw new NetviaError(`${path}: permission denied; ${hint}`, { code, address: path, hint })
    }
    throw error instanceof NetviaError ? error : noMonitor(path, (error as Error).message)
  } finally {
    clearTimeout(timer)
  }
  if (!answer.endsWith('\n')) throw noMonitor(path, 'its answer ended too early')
  return answer
}

function noMonitor(path: string, cause: string): NetviaError {
  const hint = 'start netvia monitor, or name its socket with --socket'
  return new NetviaError(`no monitor answers at ${path} (${cause}); ${hint}`, {
    code: 'ERR_NO_MONITOR',
    address: path,
    hint,
  })
}
