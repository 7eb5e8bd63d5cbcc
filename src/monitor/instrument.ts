import { invalidArgument } from '../errors.js'
import { UplinkMonitor } from './monitor.js'
import type { CheckEvent, ConfigureEvent, StateEvent, UplinkSnapshot } from './record/event-types.js'
import { checkResult, checkResults, latencyBuckets, uplinkStates } from './record/metric-scales.js'
import type { UplinkState } from './state/state-machine.js'

/** Stands for OpenTelemetry's own type, because programs without its packages must compile too. */
// biome-ignore lint/suspicious/noExplicitAny: the type depends on the program's version of @opentelemetry/api.
export type OfOpenTelemetry = any

/** A `MeterProvider` of `@opentelemetry/api` 1.3 or newer, from any SDK. */
export interface MeterProviderLike {
  /** Same as OpenTelemetry's. */
  getMeter(name: string): OfOpenTelemetry
}

type Attributes = Record<string, string | number>

/** Kept from one collection to the next: an SDK keeps the attributes with each of its points. */
interface UplinkAttributes {
  own: Attributes
  states: ReadonlyMap<UplinkState, Attributes>
}

/**
 * Registers the metrics of a monitor with OpenTelemetry: what `/metrics` of `netvia monitor` has, by the names in docs/monitoring.md.
 * Times are in seconds. Gauges are observed when your SDK collects. Counters count from this call on.
 *
 * Call the returned function to unregister. The monitor itself is left as it is.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`.
 */
export function instrument(monitor: UplinkMonitor, meterProvider: MeterProviderLike): () => void {
  if (!(monitor instanceof UplinkMonitor)) throw invalidArgument('instrument: monitor', monitor, 'an UplinkMonitor')
  if (typeof (meterProvider as MeterProviderLike | undefined)?.getMeter !== 'function')
    throw invalidArgument('instrument: meterProvider', meterProvider, 'a MeterProvider of OpenTelemetry')
  const meter = meterProvider.getMeter('netvia')
  const known = new KnownUplinks(monitor)
  const stopCounting = countEvents(meter, monitor, known)
  const stopObserving = observeUplinks(meter, monitor, known)
  return () => {
    stopObserving()
    stopCounting()
  }
}

/** The attributes of each uplink. */
class KnownUplinks {
  readonly #monitor: UplinkMonitor
  readonly #known = new Map<string, UplinkAttributes>()
  /** Called for each uplink that is new. */
  onNew: (attributes: UplinkAttributes) => void = () => {}

  constructor(monitor: UplinkMonitor) {
    this.#monitor = monitor
  }

  look(): void {
    for (const uplink of this.#monitor.snapshot().uplinks) {
      if (this.#known.has(uplink.name)) continue
      const attributes = attributesOf(uplink)
      this.#known.set(uplink.name, attributes)
      this.onNew(attributes)
    }
  }

  /** Undefined: there is no such uplink any more. */
  of(name: string): UplinkAttributes | undefined {
    // A new uplink may have its first event before the 'configure' event.
    if (!this.#known.has(name)) this.look()
    return this.#known.get(name)
  }

  forget(name: string): void {
    this.#known.delete(name)
  }
}

function observeUplinks(meter: OfOpenTelemetry, monitor: UplinkMonitor, known: KnownUplinks): () => void {
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`netvia.uplink.${name}`, { unit, description })
  const state = gauge('state', '{uplink}', '1 for the state it is in, 0 for the others')
  const since = gauge('state_timestamp', 's', 'When it came into its state, since 1970')
  const link = gauge('link_up', '{link}', '0 while carrier, device or address is gone')
  const flapping = gauge('flapping', '{uplink}', '1 if it went down too often lately')
  const loss = gauge('loss', '1', 'Share of failed checks over the window, 0 to 1')
  const latency = gauge('latency', 's', 'Mean over the window; not observed without an answer')
  const spent = gauge('metered', 'By', 'What the checks of a metered uplink have cost in its period')
  const byTraffic = gauge('metered_traffic', '{uplink}', '1 if traffic proved last that a metered uplink works')
  const gauges = [state, since, link, flapping, loss, latency, spent, byTraffic]
  const observe = (result: OfOpenTelemetry) => {
    for (const facts of monitor.snapshot().uplinks) {
      const { own, states } = known.of(facts.name)!
      for (const [name, attributes] of states) result.observe(state, Number(facts.state === name), attributes)
      result.observe(since, facts.since / 1000, own)
      result.observe(link, Number(facts.linkFault === null), own)
      result.observe(flapping, Number(facts.flapping), own)
      if (facts.metered) {
        result.observe(spent, facts.metered.spentBytes, own)
        result.observe(byTraffic, Number(facts.metered.evidence === 'traffic'), own)
      }
      if (facts.lossRatio !== null) result.observe(loss, facts.lossRatio, own)
      if (facts.latencyMs !== null) result.observe(latency, facts.latencyMs / 1000, own)
    }
  }
  meter.addBatchObservableCallback(observe, gauges)
  return () => meter.removeBatchObservableCallback(observe, gauges)
}

/** Counters begin at 0, not with their first event: otherwise that one would not count as an increase. */
function countEvents(meter: OfOpenTelemetry, monitor: UplinkMonitor, known: KnownUplinks): () => void {
  const changes = meter.createCounter('netvia.uplink.state_changes', {
    unit: '{change}',
    description: 'Changes of state, by the new state',
  })
  const results = meter.createCounter('netvia.check.results', {
    unit: '{result}',
    description: 'Results of checks; local: it failed on this machine, the network was not asked',
  })
  const answers = meter.createHistogram('netvia.check.latency', {
    unit: 's',
    description: 'Time until the answer, of checks that succeeded',
    advice: { explicitBucketBoundaries: latencyBuckets },
  })
  const checks = new Map<string, Attributes>()

  known.onNew = ({ states }) => {
    for (const state of states.values()) changes.add(0, state)
  }
  known.look()
  const onState = ({ uplink, to }: StateEvent) => {
    const attributes = known.of(uplink)
    if (attributes) changes.add(1, attributes.states.get(to))
  }
  const attributesOfCheck = (event: CheckEvent): Attributes | undefined => {
    const place = `${event.check} ${event.uplink}`
    const uplink = known.of(event.uplink)
    if (!uplink || checks.has(place)) return checks.get(place)
    const attributes = ofCheck(event, uplink.own)
    checks.set(place, attributes)
    for (const result of checkResults) results.add(0, { ...attributes, 'netvia.check.result': result })
    return attributes
  }
  const onCheck = (event: CheckEvent) => {
    const attributes = attributesOfCheck(event)
    if (!attributes) return
    results.add(1, { ...attributes, 'netvia.check.result': checkResult(event) })
    if (event.ok) answers.record(event.latencyMs! / 1000, attributes)
  }
  const onConfigure = ({ changed, removed }: ConfigureEvent) => {
    for (const name of [...changed, ...removed]) {
      known.forget(name)
      for (const place of checks.keys()) if (place.slice(place.indexOf(' ') + 1) === name) checks.delete(place)
    }
    known.look()
  }
  monitor.on('state', onState).on('check', onCheck).on('configure', onConfigure)
  return () => void monitor.off('state', onState).off('check', onCheck).off('configure', onConfigure)
}

function attributesOf({ name, device }: UplinkSnapshot): UplinkAttributes {
  const own = { 'netvia.uplink.name': name, ...(device !== null && { 'network.interface.name': device }) }
  return { own, states: new Map(uplinkStates.map(state => [state, { ...own, 'netvia.uplink.state': state }])) }
}

function ofCheck({ check, type, target }: CheckEvent, own: Attributes): Attributes {
  return { ...own, 'netvia.check.index': check, 'netvia.check.type': type, 'netvia.check.target': target }
}
