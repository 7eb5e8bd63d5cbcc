import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { UplinkSnapshot } from '../../../monitor/record/event-types.js'
import { longestTimer } from '../../../options.js'
import { unref } from '../../../runtime/timers.js'
import { NotifySocket } from './notify-socket.js'

/** Milliseconds until messages are sent again that found the manager's queue full. */
const pause = 100
/** How many troubled uplinks a status names. */
const maxNames = 5

type Environment = Record<string, string | undefined>

/** What `netvia monitor` reports to the service manager that started it (sd_notify(3)). */
export class ServiceStatus {
  readonly #socket: NotifySocket
  readonly #monitor: UplinkMonitor
  readonly #healthy: () => boolean
  readonly #interval: number | undefined
  #watchdog: NodeJS.Timeout | undefined
  /** Assignments that the manager's queue had no room for. It would wait for a lost `READY=1` until it gives the service up. */
  #waiting: string[][] = []
  #again: NodeJS.Timeout | undefined

  /** `interval`: milliseconds between two watchdog messages; undefined: no watchdog. `healthy`: whether checks run as they should. */
  constructor(socket: NotifySocket, interval: number | undefined, monitor: UplinkMonitor, healthy: () => boolean) {
    this.#socket = socket
    this.#interval = interval
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
    this.#tell('READY=1', this.#status())
    if (this.#interval === undefined) return
    const live = () => void (this.#healthy() && this.#socket.send('WATCHDOG=1'))
    live()
    this.#watchdog = setInterval(live, this.#interval)
  }

  reloading(): void {
    // sd_notify(3) wants CLOCK_MONOTONIC, which is that of hrtime.
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  reloaded(): void {
    this.#tell('READY=1', this.#status())
  }

  stopping(): void {
    this.#monitor.off('state', this.#sendStatus).off('configure', this.#sendStatus)
    clearInterval(this.#watchdog)
    clearTimeout(this.#again)
    this.#socket.send('STOPPING=1')
    this.#socket.close()
  }

  readonly #sendStatus = (): void => this.#tell(this.#status())

  #tell(...assignments: string[]): void {
    const isStatus = (message: string[] | undefined) => message?.length === 1
    if (isStatus(this.#waiting.at(-1))) this.#waiting.pop()
    this.#waiting.push(assignments)
    this.#sendWaiting()
  }

  readonly #sendWaiting = (): void => {
    clearTimeout(this.#again)
    while (this.#waiting.length > 0 && this.#socket.send(...this.#waiting[0]!)) this.#waiting.shift()
    if (this.#waiting.length > 0) this.#again = unref(setTimeout(this.#sendWaiting, pause))
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
