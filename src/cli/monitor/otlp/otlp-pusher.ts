import { isDeepStrictEqual } from 'node:util'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { UplinkGroup } from '../../../group/group.js'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { ConfigureEvent } from '../../../monitor/record/event-types.js'
import { pointsOf, senders } from './exporters.js'
import { readHeaders } from './headers-file.js'
import { instanceId } from './instance.js'
import type { OtlpSettings } from './options.js'
import { Outbox, type OutboxReport } from './outbox.js'
import { type OpenTelemetry, openTelemetry } from './packages.js'
import { type CommandFacts, Stream } from './stream.js'

/** Milliseconds to send waiting items at the end. */
const patience = 5000

export type PushReport = OutboxReport & { signal: 'metrics' | 'logs'; at: number }

/** Pushes the metrics and changes of state of a monitor to a collector, through whichever uplink works. */
export class OtlpPusher {
  readonly #monitor: UplinkMonitor
  readonly #facts: CommandFacts
  readonly #group: UplinkGroup
  readonly #packages: OpenTelemetry
  readonly #metrics: Outbox<ResourceMetrics>
  readonly #logs: Outbox<ReadableLogRecord[]>
  #settings: OtlpSettings
  #stream: Stream

  /**
   * @throws NetviaError `ERR_OPENTELEMETRY_NOT_FOUND`; `ERR_INVALID_ARG_VALUE` for a wrong headers file.
   */
  constructor(
    monitor: UplinkMonitor,
    settings: OtlpSettings,
    { version, configuration }: { version: string; configuration: string },
    report: (report: PushReport) => void,
  ) {
    this.#packages = openTelemetry()
    if (settings.headersFile !== undefined) readHeaders(settings.headersFile)
    this.#monitor = monitor
    this.#settings = settings
    const instance = settings.instance ?? instanceId(configuration)
    this.#facts = { version, instance, loaded: { at: Date.now(), taken: true } }
    this.#group = new UplinkGroup(monitor, { policy: 'failover', whenAllDown: 'least-bad', cutConnections: true })
    const reporter = (signal: PushReport['signal']) => (facts: OutboxReport) =>
      report({ signal, ...facts, at: Date.now() })
    const { metrics, logs } = this.#routes()
    this.#metrics = new Outbox(metrics, pointsOf, reporter('metrics'))
    this.#logs = new Outbox(logs, records => records.length, reporter('logs'))
    this.#stream = this.#open()
    monitor.on('state', this.#retry).on('configure', this.#onConfigure)
  }

  /** Switches to other settings. Waiting pushes go to the new URL. */
  async configure(settings: OtlpSettings): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return
    if (settings.headersFile !== undefined) readHeaders(settings.headersFile)
    this.#settings = settings
    if (settings.instance !== undefined) this.#facts.instance = settings.instance
    const { metrics, logs } = this.#routes()
    this.#metrics.route = metrics
    this.#logs.route = logs
    await this.#reopen()
  }

  /** Records whether a configuration that was read was accepted. */
  reloaded(taken: boolean): void {
    this.#facts.loaded = { at: taken ? Date.now() : this.#facts.loaded.at, taken }
  }

  /** Collects a last time, and sends everything that waits. */
  async close(): Promise<void> {
    this.#monitor.off('state', this.#retry).off('configure', this.#onConfigure)
    await this.#stream.end()
    await Promise.all([this.#metrics.close(patience), this.#logs.close(patience)])
    await this.#group.close()
  }

  #open(): Stream {
    const sinks = { metrics: this.#metrics, logs: this.#logs }
    return new Stream(this.#packages, this.#monitor, this.#settings, this.#facts, sinks)
  }

  async #reopen(): Promise<void> {
    const before = this.#stream
    this.#stream = this.#open()
    await before.end()
  }

  #routes() {
    const { maxPoints: limit } = this.#settings
    const send = senders(this.#packages, this.#group, this.#settings, `netvia/${this.#facts.version}`)
    const nowhere = async () => ({ result: 'refused' as const, why: 'log records are pushed nowhere' })
    return { metrics: { send: send.metrics, limit }, logs: { send: send.logs ?? nowhere, limit } }
  }

  readonly #retry = (): void => {
    this.#metrics.retry()
    this.#logs.retry()
  }

  /** Series of changed or removed uplinks start again, because an SDK never forgets one. */
  readonly #onConfigure = ({ changed, removed }: ConfigureEvent): void => {
    if (changed.length + removed.length > 0) void this.#reopen()
  }
}
