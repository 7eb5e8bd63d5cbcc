import { isDeepStrictEqual } from 'node:util'
import { errorAt, invalidArgument, NetviaError, type OptionPath } from '../../errors.js'
import type { MonitorOptions } from '../../monitor/options.js'
import { settingsOf, type Uplink } from '../../monitor/settings.js'
import { type RoutingOptions, routingSettings } from '../../routing/options.js'
import { explained, maxProblems, type Problem, readYaml } from '../shared/yaml-file.js'
import { withTimes } from './config-times.js'
import { type MqttOptions, mqttSettings } from './mqtt/options.js'
import { type OtlpOptions, otlpSettings } from './otlp/options.js'
import { judgeSection, type ProxySection } from './proxy/section.js'

type Members = Record<string | number, unknown>

/** What the file has beside the options of the monitor, which doesn't know of it. */
const sections = ['routing', 'proxy', 'otlp', 'mqtt']

/** What the file has. */
export interface Configuration extends MonitorOptions {
  /** Options of `UplinkRouting`. Default: the routes are left alone. */
  routing?: RoutingOptions
  /** Where metrics are pushed to. Default: nowhere. */
  otlp?: OtlpOptions
  /** A proxy over the uplinks. Default: none. */
  proxy?: ProxySection
  /** The broker for Home Assistant. Default: none. */
  mqtt?: MqttOptions
}

/**
 * The options of the monitor in a YAML file: those of `UplinkMonitor`, by the same names, `routing`, `otlp`,
 * `mqtt` and `proxy`. Times may have a unit.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` with a line for each mistake: file, line, column and key.
 */
export function readConfig(file: string): Configuration {
  const { value, error } = readYaml(file)
  const options = withTimes(withUrls(value))
  const problems = problemsOf(options)
  if (problems.length > 0) throw error(problems)
  return options as Configuration
}

export function ofMonitor({
  routing: _routing,
  otlp: _otlp,
  mqtt: _mqtt,
  proxy: _proxy,
  ...options
}: Configuration): MonitorOptions {
  return options
}

/** A collector or a broker may be a URL alone. */
function withUrls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { otlp, mqtt } = value as Members
  return {
    ...value,
    ...(typeof otlp === 'string' && { otlp: { url: otlp } }),
    ...(typeof mqtt === 'string' && { mqtt: { url: mqtt } }),
  }
}

/** Finds all mistakes. It removes each one, or replaces it by a valid value where one is required, and judges the rest again. */
function problemsOf(options: unknown): Problem[] {
  const rest = structuredClone(options)
  const problems: Problem[] = []
  while (problems.length < maxProblems) {
    try {
      judge(rest as Configuration)
      break
    } catch (error) {
      if (!(error instanceof NetviaError)) throw error
      const { option = [], hint = '' } = error
      const others = option.length === 1 && hint.startsWith('known options') ? sections : []
      const words = explained(error).replace(/^(UplinkMonitor|UplinkRouting|listenProxy|proxy): /, '')
      const message = [words, ...others].join(', ')
      // It was removed already, and is required.
      const known = problems.some(({ option: other }) => isDeepStrictEqual(other, option))
      if (!known) problems.push({ option, message })
      if (!known && leaveOut(rest, option)) continue
      if (!replace(rest, option) && !leaveOut(rest, option.slice(0, -1))) break
    }
  }
  return problems
}

function judge(configuration: Configuration): void {
  // The monitor refuses anything that isn't an object.
  if (typeof configuration !== 'object' || configuration === null) return void settingsOf(configuration)
  const { routing, otlp, mqtt, proxy, ...options } = configuration
  const { uplinks } = settingsOf(Array.isArray(configuration) ? configuration : options)
  if (Object.hasOwn(configuration, 'otlp')) judgeAt('otlp', () => otlpSettings(otlp as OtlpOptions))
  if (Object.hasOwn(configuration, 'mqtt')) judgeAt('mqtt', () => mqttSettings(mqtt as MqttOptions))
  if (Object.hasOwn(configuration, 'routing')) judgeRouting(routing as RoutingOptions, uplinks)
  if (Object.hasOwn(configuration, 'proxy')) judgeProxy(proxy as ProxySection)
}

function judgeProxy(proxy: ProxySection): void {
  try {
    judgeSection(proxy)
  } catch (error) {
    if (error instanceof NetviaError) error.option = ['proxy', ...(error.option ?? [])]
    throw error
  }
}

function judgeAt(key: string, check: () => unknown): void {
  try {
    check()
  } catch (error) {
    throw errorAt(key, error)
  }
}

function judgeRouting(routing: RoutingOptions, uplinks: readonly Uplink[]): void {
  const without = uplinks.findIndex(({ device }) => device === undefined)
  judgeAt('routing', () => {
    routingSettings(routing)
    if (without >= 0)
      throw invalidArgument('routing', 'given', `left out: uplink ${uplinks[without]!.name} has no device`)
  })
}

/** False if that can't help: the key is missing already, or later items of a list would move to its place. */
function leaveOut(options: unknown, path: OptionPath): boolean {
  const parent = path.slice(0, -1).reduce((value, key) => (value as Members)[key], options)
  const key = path.at(-1)
  return typeof key === 'string' && Object.hasOwn(parent as Members, key) && delete (parent as Members)[key]
}

/** Replaces a wrong check, uplink or uplink's name by a valid one. False: the mistake is in none of these. */
function replace(options: unknown, [top, index, key, check]: OptionPath): boolean {
  if (top !== 'uplinks' || typeof index !== 'number') return false
  const { uplinks } = options as { uplinks: unknown[] }
  const name = `(${index})`
  const right = { type: 'ping', host: 'localhost' }
  const uplink = uplinks[index] as { name: unknown; checks: unknown[] }
  if (key === 'name') uplink.name = name
  else if (key === 'checks' && typeof check === 'number') uplink.checks[check] = right
  else uplinks[index] = { name, checks: [right] }
  return true
}
