import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { UplinkSnapshot } from '../../../monitor/record/event-types.js'
import { longestTimer } from '../../../options.js'
import { NotifySocket } from './notify-socket.js'

/** How many troubled uplinks a status names. */
const maxNames = 5

type Environment = Record<string, string | undefined>

/** What `netvia monitor` reports to the service manager that started it (sd_notify(3)). */
export class ServiceStatus {
  readonly #socket: NotifySocket
  readonly #monitor: UplinkMonitor
  readonly #healthy: () => boolean
  readonly #pause: number | undefined
  #watchdog: NodeJS.Timeout | undefined

  /** `pause`: milliseconds between two watchdog messages; undefined: no watchdog. `healthy`: whether checks run as they should. */
  constructor(socket: NotifySocket, pause: number | undefined, monitor: UplinkMonitor, healthy: () => boolean) {
    this.#socket = socket
    this.#pause = pause
    this.#monitor = monitor
    this.#healthy = healthy
  }

  /** Undefined without a service manager. Removes its variables from `env`, so that hooks don't inherit them. */
  static of(env: Environment, pid: number, monitor: UplinkMonitor, healthy: () => boolean): ServiceStatus | undefined {
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC: time, WATCHDOG_PID: watched } = env
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
    // Others, such as `vsock:`, are for whole machines.
    if (!path || !/^[/@]/.test(path)) return undefined
    const isWatched = Number(time) > 0 && (watched === undefined || Number(watched) === pid)
    return new ServiceStatus(
      new NotifySocket(path),
      isWatched ? Math.min(Number(time) / 2000, longestTimer) : undefined,
      monitor,
      healthy,
    )
  }

  /** The monitor runs. */
  ready(): void {
    this.#monitor.on('state', this.#sendStatus).on('configure', this.#sendStatus)
    this.#socket.send('READY=1', this.#status())
    if (this.#pause === undefined) return
    const live = () => void (this.#healthy() && this.#socket.send('WATCHDOG=1'))
    live()
    this.#watchdog = setInterval(live, this.#pause)
  }

  reloading(): void {
    // sd_notify(3) wants CLOCK_MONOTONIC, which is that of hrtime.
    this.#socket.send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  reloaded(): void {
    this.#socket.send('READY=1', this.#status())
  }

  stopping(): void {
    this.#monitor.off('state', this.#sendStatus).off('configure', this.#sendStatus)
    clearInterval(this.#watchdog)
    this.#socket.send('STOPPING=1')
    this.#socket.close()
  }

  readonly #sendStatus = (): void => {
    this.#socket.send(this.#status())
  }

  #status(): string {
    return `STATUS=${summary(this.#monitor.snapshot().uplinks)}`
  }
}

/** A summary such as `2 up; lte down`, which names uplinks that aren't up. */
export function summary(uplinks: readonly UplinkSnapshot[]): string {
  const troubled = uplinks.filter(({ state }) => state !== 'up')
  const named = troubled.slice(0, maxNames).map(({ name, state }) => `${name} ${state}`)
  const more = troubled.length - named.length
  const parts = [`${uplinks.length - troubled.length} up`, ...named, ...(more > 0 ? [`${more} more`] : [])]
  // A line break would begin another assignment.
  return parts.join('; ').replaceAll(/\p{Cc}/gu, ' ')
}
