import { boolean, type Check, checkOptions, integer, keepAliveDelay, longestTimer, type Schema } from '../../options.js'
import { setOption } from '../../sockets/options.js'

/** When TCP finds out that an idle connection is dead (tcp(7)), like Go's `net.KeepAliveConfig`. The kernel counts in seconds. */
export interface KeepAlive {
  /** Idle milliseconds before the first probe, 1000 to 32,767,000. Default: `net.ipv4.tcp_keepalive_time`, 2 hours. */
  idle?: number
  /** Milliseconds between probes, 1000 to 32,767,000. Default: `net.ipv4.tcp_keepalive_intvl`, 75 seconds. */
  interval?: number
  /** Unanswered probes until the connection ends with ETIMEDOUT, 1-127. Default: `net.ipv4.tcp_keepalive_probes`, 9. */
  count?: number
}

const schema: Schema = { idle: keepAliveDelay, interval: keepAliveDelay, count: integer(1, 127) }

export const keepAliveCheck: Check = (value, name) => {
  if (typeof value === 'number') return keepAliveDelay(value, name)
  return typeof value === 'object' ? checkOptions(name, value as KeepAlive, schema) : boolean(value, name)
}

/** Whole milliseconds, as the kernel needs them. */
export const userTimeoutCheck = integer(0, longestTimer)

/** For sockets on which Node doesn't set these itself. Accepted sockets inherit them from their listener. */
export function setKeepAlive(fd: number, { idle, interval, count }: KeepAlive): void {
  setOption(fd, 'SO_KEEPALIVE', 1)
  const set = (option: string, value: number | undefined) => {
    if (value !== undefined) setOption(fd, option, value)
  }
  const seconds = (ms: number | undefined) => ms && Math.ceil(ms / 1000)
  set('TCP_KEEPIDLE', seconds(idle))
  set('TCP_KEEPINTVL', seconds(interval))
  set('TCP_KEEPCNT', count)
}
