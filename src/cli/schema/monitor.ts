import { bool, count, integer, type JsonSchema, list, milliseconds, object, oneOf, ref, text } from './build.js'
import { lineOf } from './lines.js'

export const at = { type: 'number', description: 'Milliseconds since 1970' }
const state = oneOf('unknown', 'up', 'degraded', 'down')
const orNull = (type: string, description: string): JsonSchema => ({ type: [type, 'null'], description })
export const forcedOrNull: JsonSchema = { anyOf: [ref('forced'), { type: 'null' }] }
const names = list(text('Name of an uplink'))

export const stateChange: Record<string, JsonSchema> = {
  ...{ uplink: text('Its name'), from: state, to: state, reason: text('Why'), at, 'forced?': ref('forced') },
}

/** The lines of `netvia monitor`: the library's events and snapshot. */
export const monitorLines: Record<string, JsonSchema> = {
  monitorStart: lineOf('monitor', 'start', 'At the beginning', { uplinks: list(ref('uplink')) }),
  monitorListening: lineOf('monitor', 'listening', 'With --listen', { url: text('Of the page') }),
  monitorState: lineOf('monitor', 'state', 'An uplink has changed', stateChange),
  monitorCheck: lineOf('monitor', 'check', 'With --verbose: one check of one round', {}, 'check'),
  monitorHook: lineOf('monitor', 'hook', 'The hook printed a line', {
    ...{ uplink: text('It was called for'), text: text('The line'), at },
  }),
  monitorWarning: lineOf('monitor', 'warning', 'Something beside the checks went wrong', {
    ...{
      source: text(
        'What: state-file, history, hook, link, traffic; of the routes: interference, kernel, conntrack, configuration',
      ),
      message: text(),
      at,
    },
  }),
  monitorRoute: lineOf('monitor', 'route', 'With routing: another default route is in force', {
    ...{ family: oneOf(4, 6), from: names, to: names, at },
  }),
  monitorProxy: lineOf('monitor', 'proxy', 'With proxy: it listens', {
    address: text('It listens at'),
    port: integer('1-65535'),
  }),
  monitorPush: lineOf('monitor', 'push', 'With --otlp: pushing has trouble, or is over it', {
    signal: oneOf('metrics', 'logs'),
    state: oneOf('failing', 'dropping', 'refused', 'delivered', 'ended'),
    waiting: count('Data points or log records that wait'),
    lost: count('Dropped or refused since the trouble began'),
    why: text('Why; empty when delivered'),
    at,
  }),
  monitorMqtt: lineOf('monitor', 'mqtt', 'With mqtt: the connection to the broker was made, or has trouble', {
    state: oneOf('connected', 'failing', 'refused'),
    uplink: orNull('string', 'The one that the connection uses; null: none, or a device of its own'),
    why: text('Why; empty when connected'),
    at,
  }),
  monitorConfigure: lineOf('monitor', 'configure', 'The configuration was read again', {
    ...{ added: names, changed: names, removed: names, at },
  }),
  monitorConfiguration: lineOf('monitor', 'configuration', 'With --check: the file is right', {
    ...{ file: text(), uplinks: names, checks: count('Of all uplinks') },
  }),
  monitorForce: lineOf('monitor', 'force', 'netvia force was called', {
    ...{ uplink: text('Its name'), forced: forcedOrNull, at },
  }),
  statusStatus: lineOf('status', 'status', 'The answer of the monitor', {
    at,
    inUse: orNull('string', 'The uplink that new connections take under failover; null: none works'),
    uplinks: list(ref('uplink')),
    'proxy?': ref('proxyStatistics'),
  }),
  forceResult: lineOf('force', 'result', 'The uplink as it is now', {
    ...{ uplink: text('Its name'), state, reason: text('Why'), forced: forcedOrNull },
    kept: bool('The force survives a restart of the monitor'),
  }),
  reportUplink: lineOf(
    'report',
    'uplink',
    'How an uplink has been',
    {
      ...{ from: at, to: at, name: text('Its name'), device: orNull('string', 'null: a path without a device') },
      availability: orNull('number', 'Of the time with a verdict, the part up or degraded, 0-1; null without any'),
      ...{ upMs: milliseconds(), degradedMs: milliseconds(), downMs: milliseconds() },
      forcedMs: milliseconds('In a state that netvia force made: no part of the availability'),
      unknownMs: milliseconds('No monitor ran, or it had no verdict yet'),
      outages: list(ref('outage')),
      targets: list(ref('targetReport')),
    },
    'latencyReport',
  ),
  monitorSummary: lineOf('monitor', 'summary', 'At the end', { at, running: bool(), uplinks: list(ref('uplink')) }),
}

export const monitorParts: Record<string, JsonSchema> = {
  outage: object('A time down', {
    from: at,
    to: orNull('number', 'null: its end is not known'),
    ms: milliseconds('Until its end, or until the end of the history'),
    reason: text('Why'),
    device: orNull('string', 'The device of that time; null: a path without a device'),
  }),
  latencyReport: object('Loss and latency; of an uplink with pings, that of its pings', {
    checks: count('Results of the period'),
    lossRatio: orNull('number', '0-1; null without any'),
    p50Ms: orNull('number', 'Median'),
    p95Ms: orNull('number', '95th percentile'),
    p99Ms: orNull('number', '99th percentile'),
    jitterMs: orNull('number', 'Mean absolute difference of successive answers'),
  }),
  targetReport: object(
    'The checks of one target',
    { type: oneOf('ping', 'http', 'tcp', 'dns'), target: text('Host, name, or URL without user, password and query') },
    ['latencyReport'],
  ),
  check: object('What one check said', {
    uplink: text('Its name'),
    check: count('Its place among the checks of the uplink, from 0'),
    type: oneOf('ping', 'http', 'tcp', 'dns'),
    target: text('Host, name, or URL without user, password and query'),
    ok: bool(),
    local: bool('It failed on this machine: no loss'),
    latencyMs: orNull('number', 'null without an answer'),
    error: orNull('string', 'What was wrong; null when ok'),
    at,
  }),
  lastCheck: object('The last result of a check', {}, ['check']),
  uplink: object('All that is known of an uplink', {
    ...{ name: text(), device: orNull('string', 'null: a path without a device') },
    ...{ priority: integer(), weight: { type: 'number' }, state, since: at, reason: text('Why') },
    lossRatio: orNull('number', '0-1, of the checks that decide; null before the first verdict'),
    latencyMs: orNull('number', 'Mean, of the checks that decide; null without an answer'),
    goodRounds: count('In a row'),
    badRounds: count('In a row'),
    linkFault: orNull('string', 'Why the link is gone'),
    flapping: bool('It went down too often lately'),
    forced: forcedOrNull,
    metered: { anyOf: [ref('metered'), { type: 'null' }] },
    checks: list({ anyOf: [ref('lastCheck'), { type: 'null' }] }),
    statistics: list(ref('checkStatistics')),
    remarks: list(text('What is wrong with a check that the uplink does without')),
  }),
  metered: object('Of a metered uplink', {
    quota: count('Bytes that its checks may cost in a period'),
    periodMs: milliseconds('Of a period'),
    spentBytes: count('That its checks have cost in this period'),
    idleIntervalMs: milliseconds('Between its checks while it is idle and works'),
    evidence: { enum: ['traffic', 'probe', null], description: 'What proved last that it works' },
  }),
  forced: object('What netvia force said of an uplink', {
    state: oneOf('up', 'down'),
    until: orNull('number', 'Milliseconds since 1970; null: until auto'),
    why: orNull('string', 'As given'),
  }),
  checkStatistics: object('Loss and latency of one check over the window; null without an answer', {
    lossRatio: orNull('number', '0-1; null before the first verdict'),
    latencyMs: orNull('number', 'Mean'),
    minMs: orNull('number', 'Shortest'),
    maxMs: orNull('number', 'Longest'),
    p50Ms: orNull('number', 'Median'),
    p95Ms: orNull('number', '95th percentile'),
    p99Ms: orNull('number', '99th percentile'),
    jitterMs: orNull('number', 'Mean absolute difference of successive answers'),
    lossy: bool('Loss is over its limit, or was and is not yet disproved'),
    slow: bool('Latency is over its limit'),
    failingMs: orNull('number', 'Since the first failure in a row; null after a success'),
  }),
}
