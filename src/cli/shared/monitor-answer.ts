import type { MonitorAnswer } from './monitor-socket.js'

type Test = (value: unknown) => boolean

const isString: Test = value => typeof value === 'string'
const isNumber: Test = value => typeof value === 'number'
const oneOf =
  (...values: unknown[]): Test =>
  value =>
    values.includes(value)
const orNull =
  (test: Test): Test =>
  value =>
    value === null || test(value)
const listOf =
  (test: Test): Test =>
  value =>
    Array.isArray(value) && value.every(test)
const mapOf =
  (test: Test): Test =>
  value =>
    isObject(value) && Object.values(value).every(test)
const withFields =
  (tests: Readonly<Record<string, Test>>): Test =>
  value =>
    isObject(value) && Object.entries(tests).every(([key, test]) => test(value[key]))

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What the command shows of an uplink. A newer monitor may report more. */
const isUplink = withFields({
  name: isString,
  device: orNull(isString),
  state: oneOf('unknown', 'up', 'degraded', 'down'),
  since: isNumber,
  reason: isString,
  remarks: listOf(isString),
  lossRatio: orNull(isNumber),
  forced: orNull(withFields({ state: oneOf('up', 'down'), until: orNull(isNumber), why: orNull(isString) })),
  checks: listOf(orNull(withFields({ type: isString }))),
  statistics: listOf(withFields({ p50Ms: orNull(isNumber) })),
  metered: orNull(withFields({ quota: isNumber, spentBytes: isNumber, evidence: orNull(oneOf('traffic', 'probe')) })),
})

const isProxy = withFields({
  clients: isNumber,
  refused: isNumber,
  uplinks: mapOf(withFields({ open: isNumber, connections: isNumber, failures: isNumber })),
})

const isStatus = withFields({
  at: isNumber,
  inUse: orNull(isString),
  uplinks: listOf(isUplink),
  proxy: value => value === undefined || isProxy(value),
})

const isError = withFields({ code: isString, message: isString })

/** A monitor's answers have fewer levels. JSON.stringify fails for thousands of them. */
const mostLevels = 20

/** A monitor's answer; undefined for anything else, because another program may listen at its socket. */
export function parseAnswer(text: string): MonitorAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    return isAnswer(answer) ? answer : undefined
  } catch {
    return undefined
  }
}

function isAnswer(value: unknown): value is MonitorAnswer {
  if (!isObject(value) || isDeeper(value, mostLevels)) return false
  return isStatus(value.status) || isError(value.error)
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some(item => isDeeper(item, levels - 1))
}
