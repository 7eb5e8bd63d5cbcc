import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { CheckEvent, ConfigureEvent, StateEvent } from '../../../monitor/record/event-types.js'
import { checkResult, checkResults, latencyBuckets, uplinkStates } from '../../../monitor/record/metric-scales.js'
import type { ProxyMetrics } from '../proxy/metrics.js'

const ofUplink = ['uplink', 'device']
const ofCheck = [...ofUplink, 'check', 'type', 'target']

/** The metrics for Prometheus. Gauges have current values, and counters count from the start of the process. */
export class Metrics {
  readonly #monitor: UplinkMonitor
  readonly #proxy: ProxyMetrics | undefined
  readonly #registry = new Registry()
  readonly #state = this.#gauge('uplink_state', '1 for the state it is in, 0 for the others', [...ofUplink, 'state'])
  readonly #since = this.#gauge('uplink_state_timestamp_seconds', 'When it came into its state')
  readonly #link = this.#gauge('uplink_link_up', '0 while carrier, device or address is gone')
  readonly #flapping = this.#gauge('uplink_flapping', '1 if it went down too often lately')
  readonly #loss = this.#gauge('uplink_loss_ratio', 'Share of failed checks over the window, 0 to 1')
  readonly #latency = this.#gauge('uplink_latency_seconds', 'Mean over the window; missing without an answer')
  readonly #spent = this.#gauge('uplink_metered_bytes', 'What the checks of a metered uplink have cost in its period')
  readonly #byTraffic = this.#gauge('uplink_metered_traffic', '1 if traffic proved last that a metered uplink works')
  readonly #changes = this.#counter('uplink_state_changes_total', 'Changes of state', [...ofUplink, 'to'])
  readonly #results = this.#counter(
    'check_results_total',
    'Results of checks; local: it failed on this machine, the network was not asked',
    [...ofCheck, 'result'],
  )
  readonly #answers = new Histogram({
    name: 'netvia_check_latency_seconds',
    help: 'Time until the answer, of checks that succeeded',
    labelNames: ofCheck,
    buckets: latencyBuckets,
    registers: [this.#registry],
  })
  readonly #loaded = this.#gauge('config_last_reload_successful', '1 if the configuration was right when last read', [])
  readonly #loadedAt = this.#gauge(
    'config_last_reload_success_timestamp_seconds',
    'When a configuration was last taken',
    [],
  )
  /** Device by uplink. */
  #devices = new Map<string, string>()
  /** Uplinks and checks that have had a result. */
  readonly #seen = new Set<string>()

  constructor(monitor: UplinkMonitor, version: string, proxy?: ProxyMetrics) {
    this.#monitor = monitor
    this.#proxy = proxy
    this.#gauge('build_info', 'Always 1; the version is a label', ['version']).set({ version }, 1)
    this.reloaded(true)
    this.#look()
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  start(): void {
    this.#monitor.on('check', this.#onCheck).on('state', this.#onState).on('configure', this.#onConfigure)
  }

  stop(): void {
    this.#monitor.off('check', this.#onCheck).off('state', this.#onState).off('configure', this.#onConfigure)
  }

  /** In the text format of Prometheus. */
  async text(): Promise<string> {
    const always = [this.#state, this.#since, this.#link, this.#flapping]
    for (const gauge of [...always, this.#loss, this.#latency, this.#spent, this.#byTraffic]) gauge.reset()
    const { uplinks } = this.#monitor.snapshot()
    for (const { name: uplink, device, ...facts } of uplinks) {
      const labels = { uplink, device: device ?? '' }
      for (const state of uplinkStates) this.#state.set({ ...labels, state }, Number(facts.state === state))
      this.#since.set(labels, facts.since / 1000)
      this.#link.set(labels, Number(facts.linkFault === null))
      this.#flapping.set(labels, Number(facts.flapping))
      if (facts.metered) {
        this.#spent.set(labels, facts.metered.spentBytes)
        this.#byTraffic.set(labels, Number(facts.metered.evidence === 'traffic'))
      }
      if (facts.lossRatio !== null) this.#loss.set(labels, facts.lossRatio)
      if (facts.latencyMs !== null) this.#latency.set(labels, facts.latencyMs / 1000)
    }
    const names = uplinks.map(({ name }) => name)
    return (await this.#registry.metrics()) + ((await this.#proxy?.text(names)) ?? '')
  }

  /** Records whether a configuration that was read was accepted. */
  reloaded(taken: boolean): void {
    this.#loaded.set(Number(taken))
    if (taken) this.#loadedAt.set(Date.now() / 1000)
  }

  /** Sets the uplinks. Counters begin at 0, because Prometheus would not count the first event as an increase otherwise. */
  #look(): void {
    this.#devices = new Map(this.#monitor.snapshot().uplinks.map(({ name, device }) => [name, device ?? '']))
    for (const [uplink, device] of this.#devices) {
      for (const to of uplinkStates) this.#changes.inc({ uplink, device, to }, 0)
    }
  }

  #onCheck = (event: CheckEvent): void => {
    const { uplink, check, type, target, ok, latencyMs } = event
    const labels = { uplink, device: this.#devices.get(uplink)!, check: String(check), type, target }
    const place = `${check} ${uplink}`
    if (!this.#seen.has(place)) {
      this.#seen.add(place)
      for (const result of checkResults) this.#results.inc({ ...labels, result }, 0)
    }
    this.#results.inc({ ...labels, result: checkResult(event) })
    if (ok) this.#answers.observe(labels, latencyMs! / 1000)
  }

  #onState = ({ uplink, to }: StateEvent): void => {
    this.#changes.inc({ uplink, device: this.#devices.get(uplink)!, to })
  }

  /** Uplinks that are no longer watched disappear. Changed ones start again. */
  #onConfigure = async ({ changed, removed }: ConfigureEvent): Promise<void> => {
    const old = new Set([...changed, ...removed])
    for (const place of this.#seen) if (old.has(place.slice(place.indexOf(' ') + 1))) this.#seen.delete(place)
    const metrics = [this.#changes, this.#results, this.#answers]
    const values = await Promise.all(metrics.map(metric => metric.get()))
    for (const [index, metric] of metrics.entries()) {
      for (const { labels } of values[index]!.values) {
        const { le: _le, ...own } = labels as Record<string, string>
        if (old.has(own.uplink!)) metric.remove(own)
      }
    }
    this.#look()
  }

  #gauge(name: string, help: string, labelNames = ofUplink): Gauge {
    return new Gauge({ name: `netvia_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `netvia_${name}`, help, labelNames, registers: [this.#registry] })
  }
}
