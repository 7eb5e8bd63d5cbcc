import { dnsCheckSchema } from '../checks/check-dns.js'
import { tcpCheckSchema } from '../checks/check-tcp.js'
import { httpCheckSchema } from '../checks/http/options.js'
import { parseHttpUrl } from '../checks/http/url.js'
import { errorAt, invalidArgument, shown } from '../errors.js'
import {
  anything,
  arrayOf,
  boolean,
  checkOptions,
  commonSchema,
  integer,
  longestTimer,
  milliseconds,
  number,
  type Check as OptionCheck,
  oneOf,
  PartlyKnown,
  type PathOptions,
  pathSchema,
  type Schema,
  string,
  systemText,
} from '../options.js'
import { limitsSchema, rulesSchema } from './checks/check-rules.js'
import { requireSqlite } from './history/database.js'
import { idlePatience } from './metered/metering.js'
import { type Metered, meteredOf } from './metered/options.js'
import type { MonitorOptions, UplinkCheck, UplinkOptions } from './options.js'
import { type DampingOptions, defaultDamping } from './state/damping.js'
import type { Limits } from './state/quality.js'
import type { Thresholds } from './state/state-machine.js'

/** An uplink with all defaults filled in. */
export interface Uplink extends PathOptions {
  readonly name: string
  readonly priority: number
  readonly weight: number
  readonly checks: readonly UplinkCheck[]
  /** How many checks must succeed, for each group that a check names. */
  readonly quorum: Readonly<Record<string, number>>
  readonly metered?: Metered
}

/** How the rounds of every uplink go, and how they are judged. */
export interface RoundSettings extends Thresholds, Limits {
  reliability: number
  interval: number
  failureInterval: number
  recoveryInterval: number
  timeout: number
}

export interface Settings {
  rounds: RoundSettings
  stateFile: string | undefined
  history: string | undefined
  hook: readonly string[] | undefined
  hookAtStart: boolean
  hookTimeout: number
  uplinks: Uplink[]
}

const interval = number(10, longestTimer)
const count = integer(1, 1000)

const dampingCheck: OptionCheck = (value, name) => {
  const schema = { suppress: number(1, 1000), reuse: number(0.1, 1000), halfLife: number(1, longestTimer) }
  const damping = checkOptions(name, value as DampingOptions, schema, Object.keys(schema))
  const { suppress, reuse } = damping
  if (reuse >= suppress) throw errorAt('reuse', invalidArgument(`${name}.reuse`, reuse, `below suppress (${suppress})`))
  return damping
}

const hookCheck: OptionCheck = (value, name) => {
  const hook = arrayOf(systemText)(value, name) as string[]
  if (hook.length === 0) throw invalidArgument(name, value, 'a command and its arguments')
  return hook
}

/** Hooks get it in their environment, where a text has a limit too. */
const uplinkName: OptionCheck = (value, name) => {
  if (Buffer.byteLength(systemText(value, name) as string) > 255) throw invalidArgument(name, value, '1-255 bytes')
  return value as string
}

/** Leaves the URL out of its error: it may hold secrets. */
const url: OptionCheck = (value, name) => {
  if (typeof value === 'string' && /^https?:/i.test(value) && parseHttpUrl(value)) return value
  throw invalidArgument(name, typeof value, 'an http: or https: URL')
}

const monitorSchema = {
  interval,
  failureInterval: interval,
  recoveryInterval: interval,
  timeout: interval,
  down: count,
  up: count,
  reliability: count,
  window: number(100, longestTimer),
  ...limitsSchema,
  minimumTime: milliseconds,
  damping: dampingCheck,
  stateFile: systemText,
  history: systemText,
  hook: hookCheck,
  hookAtStart: boolean,
  hookTimeout: interval,
  uplinks: anything,
} satisfies Schema

const uplinkSchema = {
  ...pathSchema,
  name: uplinkName,
  priority: integer(0, 1_000_000),
  weight: integer(1, 1_000_000),
  checks: anything,
  quorum: anything,
  metered: anything,
} satisfies Schema

const type = oneOf('ping', 'http', 'tcp', 'dns')
const { type: record, ...dnsSchema } = withoutCommon(dnsCheckSchema)

const ofEach = { timeout: interval, ...rulesSchema }

/** The options of each type of check, and those it needs. */
const checkSchemas: Record<UplinkCheck['type'], { schema: Schema; required: string[] }> = {
  ping: {
    schema: { type, host: string, family: oneOf(4, 6), payloadSize: integer(0, 65_507), ...ofEach },
    required: ['host'],
  },
  http: { schema: { type, ...withoutCommon(httpCheckSchema), url, ...ofEach }, required: ['url'] },
  tcp: { schema: { type, ...withoutCommon(tcpCheckSchema), ...ofEach }, required: ['host', 'port'] },
  dns: { schema: { type, ...dnsSchema, name: string, record: record!, ...ofEach }, required: ['name'] },
}

/** The path is the uplink's, and the signal the monitor's. */
function withoutCommon(schema: Schema): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !Object.hasOwn(commonSchema, key)))
}

export const monitorDefaults = {
  interval: 1000,
  timeout: 2000,
  down: 3,
  up: 3,
  reliability: 1,
  window: 60_000,
  loss: { enter: 0.2, leave: 0.05 },
  latencyMs: { enter: 500, leave: 250 },
  minimumTime: 0,
  damping: defaultDamping,
  hookAtStart: false,
  hookTimeout: 10_000,
} satisfies Partial<MonitorOptions>

export const uplinkDefaults = { priority: 1, weight: 1, metered: false } satisfies Partial<UplinkOptions>

/** Checks the user's options and fills in the defaults. Errors name the uplink and the check. */
export function settingsOf(given: MonitorOptions): Settings {
  const options = { ...monitorDefaults, ...checkOptions('UplinkMonitor', given, monitorSchema) }
  const { interval, reliability, timeout, down, up, uplinks } = options
  if (!Array.isArray(uplinks) || uplinks.length === 0)
    throw errorAt('uplinks', invalidArgument('UplinkMonitor: uplinks', uplinks, 'an array of at least one uplink'))
  if (options.history !== undefined) requireSqlite()
  const names = new Set<string>()
  return {
    rounds: {
      interval,
      failureInterval: options.failureInterval ?? interval,
      recoveryInterval: options.recoveryInterval ?? interval,
      timeout,
      down,
      up,
      reliability,
      window: options.window,
      loss: options.loss,
      latencyMs: options.latencyMs,
      minimumTime: options.minimumTime,
      damping: options.damping,
    },
    stateFile: options.stateFile,
    history: options.history,
    hook: options.hook,
    hookAtStart: options.hookAtStart,
    hookTimeout: options.hookTimeout,
    uplinks: eachOf('uplinks', uplinks, (uplink, index) =>
      uplinkOf(uplink, index, names, reliability, down + up + idlePatience),
    ),
  }
}

function uplinkOf(
  given: UplinkOptions | null,
  index: number,
  names: Set<string>,
  reliability: number,
  verdicts: number,
): Uplink {
  const called = given?.name
  const caller = `UplinkMonitor: uplink ${typeof called === 'string' ? shown(called) : index}`
  const known = checkOptions<UplinkOptions>(caller, new PartlyKnown(given, { name: called }), uplinkSchema, ['name'])
  const { name, priority, weight, checks, quorum = {}, metered, ...path } = { ...uplinkDefaults, ...known }
  if (names.has(name))
    throw errorAt('name', invalidArgument(`${caller}: name`, name, 'used once: another uplink has it'))
  names.add(name)
  if (!Array.isArray(checks) || checks.length < reliability)
    throw errorAt(
      'checks',
      invalidArgument(`${caller}: checks`, checks, `an array of at least ${reliability} (reliability)`),
    )
  const kept = eachOf('checks', checks, (check, place) => checkOf(`${caller}: check ${place}`, check))
  const { device } = path
  return {
    ...{ name, priority, weight, checks: kept, quorum: quorumOf(caller, quorum, kept), ...path },
    metered: meteredOf(`${caller}: metered`, metered, { device, checks: kept }, verdicts),
  }
}

/** One of each group, unless `given` asks for more. */
function quorumOf(
  caller: string,
  given: Record<string, number>,
  checks: readonly UplinkCheck[],
): Record<string, number> {
  const sizes = new Map<string, number>()
  for (const { group } of checks) if (group !== undefined) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  const ofGroup = (size: number) => integer(1, size)
  const schema = Object.fromEntries([...sizes].map(([group, size]) => [group, ofGroup(size)]))
  try {
    const wanted = checkOptions(`${caller}: quorum`, given, schema)
    return { ...Object.fromEntries([...sizes.keys()].map(group => [group, 1])), ...wanted }
  } catch (error) {
    throw errorAt('quorum', error)
  }
}

function checkOf(caller: string, given: UplinkCheck): UplinkCheck {
  if (typeof given !== 'object' || given === null) throw invalidArgument(caller, given, 'an object')
  const known = checkOptions(caller, { type: given.type }, { type }, ['type'])
  const { schema, required } = checkSchemas[known.type]
  return checkOptions<UplinkCheck>(`${caller} (${known.type})`, new PartlyKnown(given, known), schema, required)
}

/** Applies `work` to each item. Its errors include the item's index. */
function eachOf<T, R>(key: string, items: readonly T[], work: (item: T, index: number) => R): R[] {
  return Array.from(items, (item, index) => {
    try {
      return work(item, index)
    } catch (error) {
      throw errorAt(key, errorAt(index, error))
    }
  })
}
