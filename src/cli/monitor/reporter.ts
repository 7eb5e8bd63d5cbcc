import type { AddressInfo } from 'node:net'
import { joinHostPort } from '../../errors.js'
import type { UplinkMonitor } from '../../monitor/monitor.js'
import type {
  CheckEvent,
  ConfigureEvent,
  Forced,
  HookEvent,
  StateEvent,
  WarningEvent,
} from '../../monitor/record/event-types.js'
import type { RoutingChange, RoutingWarning } from '../../routing/event-types.js'
import type { UplinkRouting } from '../../routing/routing.js'
import { milliseconds, plural } from '../shared/output/format.js'
import type { Output } from '../shared/output/output.js'
import type { MqttReport } from './mqtt/mqtt-publisher.js'
import type { PushReport } from './otlp/otlp-pusher.js'
import { colored, forcedText } from './status-table.js'

/** Reports each event as a line or an object. */
export class Reporter {
  readonly #output: Output
  readonly #monitor: UplinkMonitor
  readonly #verbose: boolean

  constructor(output: Output, monitor: UplinkMonitor, verbose: boolean) {
    this.#output = output
    this.#monitor = monitor
    this.#verbose = verbose
  }

  start(): void {
    const { uplinks } = this.#monitor.snapshot()
    this.#output.object('start', { uplinks })
    this.#output.line(`watching ${plural(uplinks.length, 'uplink')}: ${uplinks.map(({ name }) => name).join(', ')}`)
    this.#monitor
      .on('state', this.#onState)
      .on('hook', this.#onHook)
      .on('warning', this.#onWarning)
      .on('configure', this.#onConfigure)
    if (this.#verbose) this.#monitor.on('check', this.#onCheck)
  }

  /** A force was set or ended. */
  forced(uplink: string, forced: Forced | null): void {
    const at = Date.now()
    this.#output.object('force', { uplink, forced, at })
    this.#line(at, `${uplink}: ${forced ? forcedText(forced) : 'its checks decide again'}`)
  }

  followRoutes(routing: UplinkRouting): void {
    routing.on('warning', this.#onWarning).on('change', this.#onRoute)
  }

  /** The proxy listens. */
  proxied({ address, port }: AddressInfo): void {
    this.#output.object('proxy', { address, port })
    this.#output.line(`SOCKS5 and HTTP proxy: ${joinHostPort(address, port)}`)
  }

  /** Pushing fails, or works again. */
  pushed(report: PushReport): void {
    this.#output.object('push', report)
    this.#output.note(`${new Date(report.at).toISOString()} otlp: ${pushText(report)}`)
  }

  /** The connection to the broker was made, or fails. */
  announced(report: MqttReport): void {
    const { state, uplink, why, at } = report
    this.#output.object('mqtt', report)
    const through = uplink === null ? '' : ` through ${uplink}`
    const text = { connected: `connected${through}`, failing: `not connected: ${why}`, refused: why }[state]
    this.#output.note(`${new Date(at).toISOString()} mqtt: ${text}`)
  }

  #onRoute = (event: RoutingChange): void => {
    this.#output.object('route', event)
    const { family, to, at } = event
    this.#line(at, `default route, IPv${family}: ${to.length > 0 ? to.join(', ') : 'none of the uplinks'}`)
  }

  #onState = (event: StateEvent): void => {
    const { color } = this.#output
    this.#output.object('state', event)
    const change = `${colored(event.from, color)} -> ${colored(event.to, color)}`
    this.#line(event.at, `${color.bold(event.uplink)}: ${change} (${event.reason})`)
  }

  #onCheck = (event: CheckEvent): void => {
    this.#output.object('check', event)
    const { uplink, type, target, ok, latencyMs, local, error, at } = event
    const verdict = ok ? milliseconds(latencyMs!) : this.#output.color.red(`${local ? 'here: ' : ''}${error}`)
    this.#line(at, `${uplink}: ${type} ${target}: ${verdict}`)
  }

  #onHook = (event: HookEvent): void => {
    this.#output.object('hook', event)
    this.#line(event.at, `${event.uplink}: hook: ${event.text}`)
  }

  #onWarning = ({ source, message, at }: WarningEvent | RoutingWarning): void => {
    this.#output.object('warning', { source, message, at })
    this.#output.note(`${new Date(at).toISOString()} warning: ${message}`)
  }

  #onConfigure = (event: ConfigureEvent): void => {
    this.#output.object('configure', event)
    const { added, changed, removed, at } = event
    const parts = Object.entries({ added, changed, removed }).filter(([, names]) => names.length > 0)
    const text = parts.map(([what, names]) => `${what} ${names.join(', ')}`).join('; ')
    this.#line(at, `configuration read again: ${text || 'no uplink has changed'}`)
  }

  #line(at: number, text: string): void {
    this.#output.line(`${this.#output.color.dim(new Date(at).toISOString())} ${text}`)
  }
}

function pushText({ signal, state, waiting, lost, why }: PushReport): string {
  const items = (count: number) => plural(count, signal === 'metrics' ? 'data point' : 'log record')
  if (state === 'failing') return `${items(waiting)} can't be sent yet: ${why}`
  if (state === 'dropping')
    return `${why}: the oldest ${signal === 'metrics' ? 'data points' : 'log records'} are dropped`
  if (state === 'refused') return `the collector refuses ${signal}: ${why}`
  if (state === 'delivered') return `what waited of ${signal} is delivered; ${items(lost)} lost`
  return `${items(waiting)} lost: ${why}`
}
