import { schemaVersion } from '../shared/output/json.js'
import { bool, count, integer, type JsonSchema, list, milliseconds, object, oneOf, ref, text } from './build.js'

/** What every line has. */
export const line = object('What every line has', {
  schema: { const: schemaVersion, description: 'Raised when a field changes its meaning or goes away' },
  command: text('The subcommand'),
  event: text('What the line is'),
  'device?': text('Given by -I, or what the line is about'),
})

/** A line that one subcommand prints. */
export function lineOf(
  command: string,
  event: string,
  description: string,
  fields: Record<string, JsonSchema>,
  ...mixins: string[]
): JsonSchema {
  const names = { command: { const: command }, event: { const: event } }
  return object(description, { ...names, ...fields }, ['line', ...mixins])
}

const host = text('As it was given')
const judged = { ok: bool('It succeeded, and is as expected'), 'error?': ref('error') }
const ends = { 'localAddress?': text('Source address'), 'remoteAddress?': text('Where it led') }

/** One for each kind of line. */
export const lines: Record<string, JsonSchema> = {
  pingResult: lineOf('ping', 'result', 'One echo request', {}, 'probe'),
  pingSummary: lineOf('ping', 'summary', 'At the end, for each device', { host }, 'statistics'),
  sweepResult: lineOf('sweep', 'result', 'One target', {}, 'probe'),
  sweepSummary: lineOf(
    'sweep',
    'summary',
    'At the end, for each device',
    { alive: count('Targets that answered'), unreachable: count('Targets that did not') },
    'statistics',
  ),
  traceResult: lineOf('trace', 'result', 'One hop', {
    host,
    ttl: integer('Its distance, from 1'),
    probes: list(ref('tracedProbe')),
    'address?': text('Who answered most often'),
    'name?': text('Its name, without -n'),
    reached: bool('The target itself has answered'),
    'labels?': list(ref('mplsLabel')),
  }),
  traceSummary: lineOf('trace', 'summary', 'At the end, for each device', {
    host,
    hops: count('Hops looked at'),
    reached: bool('The target has answered'),
  }),
  mtrResult: lineOf('mtr', 'result', 'After each round, without --report', {}, 'routeStatistics'),
  mtrSummary: lineOf('mtr', 'summary', 'At the end, for each device', {}, 'routeStatistics'),
  connectResult: lineOf('connect', 'result', 'One connection', {
    host: text('Host and port'),
    ...judged,
    'dnsMs?': milliseconds('Name resolution'),
    'connectMs?': milliseconds('From then until the connection stood'),
    ...ends,
    'localPort?': integer('Source port'),
    'remotePort?': integer('Destination port'),
  }),
  httpResult: lineOf('http', 'result', 'One request, redirects included', {
    url: text('As it was given'),
    ...judged,
    'status?': integer('Of the last response'),
    'latencyMs?': milliseconds('Until the header of the last response'),
    timings: ref('timings'),
    ...ends,
    'certificate?': ref('certificate'),
    'captivePortal?': ref('captivePortal'),
    redirects: count('Redirects followed'),
    bytes: count('Bytes of the body that were read'),
  }),
  dnsResult: lineOf('dns', 'result', 'One question', {
    name: text('As it was given'),
    ...judged,
    'latencyMs?': milliseconds('Until the answer'),
    answers: list({ anyOf: [ref('address'), ref('record')] }),
    'server?': text('That answered: address, or address:port'),
  }),
  scanResult: lineOf('scan', 'result', 'An open port; with --all any port', {
    host,
    'address?': text('Of several hosts: the address; empty for a name without one'),
    port: integer('1-65535'),
    state: oneOf('open', 'closed', 'filtered', 'unsent'),
    'rttMs?': milliseconds('Handshake, or time until the refusal'),
    'code?': text('What an ICMP error said, such as EHOSTUNREACH'),
    'error?': ref('error'),
  }),
  scanSummary: lineOf('scan', 'summary', 'At the end, for each device', {
    'host?': text('As given; missing for several hosts'),
    'hosts?': count('Of several hosts: those with an open port'),
    open: count('Open ports'),
    closed: count('Closed ports'),
    filtered: count('Ports without an answer'),
    'unsent?': count('Of several hosts: ports that this machine did not try'),
  }),
  lineResult: lineOf('line', 'result', 'One line', {
    addresses: list(text('Of the device, without link-local ones')),
    'nat?': ref('nat'),
    carrierNat: ref('lineVerdict'),
    'captivePortal?': ref('lineVerdict'),
    dnsTampering: ref('lineVerdict'),
    'pathMtu?': object('Path MTU', {
      'mtu?': count('Bytes of the whole IP packet'),
      evidence: text('What determined it, or why it is unknown'),
    }),
  }),
  lineListening: lineOf('line', 'listening', 'With --serve: from then on it answers', {
    addresses: list(text('It listens at')),
    port: integer('1-65534'),
  }),
  devicesDevice: lineOf('devices', 'device', 'One network device', {}, 'netDevice'),
  devicesChange: lineOf('devices', 'change', 'With --watch: what has changed', {
    about: oneOf('link', 'address', 'route', 'resync'),
    'change?': oneOf('added', 'changed', 'removed'),
    'index?': integer('Index of the device'),
    'link?': ref('link'),
    'previous?': ref('link'),
    'address?': ref('deviceAddress'),
    'route?': ref('route'),
    'devices?': list(ref('wholeDevice')),
  }),
  doctorFinding: lineOf('doctor', 'finding', 'One thing that was looked at', {
    about: text('What'),
    status: oneOf('yes', 'no', 'note'),
    detail: text('Why'),
    'optional?': bool('A no that checks can live with'),
    'fix?': text('Command that turns the no into a yes'),
    'keep?': text('Command that makes it last over a restart'),
  }),
  exporterListening: lineOf('exporter', 'listening', 'From then on it answers', { url: text('Of its endpoints') }),
  exporterConfiguration: lineOf('exporter', 'configuration', 'With --check: the file is right', {
    file: text('As it was given'),
    modules: list(text('Name of a module')),
  }),
  localFailure: object(
    'Something failed on this machine; any command',
    { event: { const: 'error' }, error: ref('error'), 'host?': text(), 'url?': text(), 'name?': text() },
    ['line'],
  ),
}
