import { errorAt, invalidArgument } from '../../errors.js'
import {
  boolean,
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  longestTimer,
  number,
  oneOf,
  port,
  type Schema,
  string,
} from '../../options.js'

/** The kinds of probe: echo requests, UDP datagrams, TCP connection requests. */
export type TracerouteMethod = 'icmp' | 'udp' | 'tcp'

export interface TracerouteOptions extends CommonOptions {
  /** Default: that of the address; for a name, that of its first address. */
  family?: 4 | 6
  /**
   * What is sent: `icmp` echo requests (default), `udp` datagrams to ports where nobody listens, `tcp` connection requests. Firewalls
   * treat them differently. None needs privilege; `icmp` needs a ping socket allowed (see `ping`), `tcp` Linux 5.18.
   */
  method?: TracerouteMethod
  /** Last hop to probe, 1-255. Default 30. */
  maxHops?: number
  /** First hop to probe, 1-255. Default 1. */
  firstHop?: number
  /** Probes for each hop, 1-10. Default 3. */
  queries?: number
  /** Destination port. `udp`: default 33434, and one more for each probe; `tcp`: default 80. Not with `icmp`, which has none. */
  port?: number
  /** Milliseconds to wait for the answer to one probe, and as long again to resolve a name. Default 1000. */
  timeout?: number
  /** Bytes after the ICMP or UDP header. Default 56 with `icmp`, 32 with `udp`. Not with `tcp`, which sends none. */
  payloadSize?: number
  /** Looks up the names of the hops (PTR records) over the path. Default false. */
  names?: boolean
}

const largestPayload = 65_507

export const tracerouteSchema = {
  ...commonSchema,
  family: oneOf(4, 6),
  method: oneOf('icmp', 'udp', 'tcp'),
  maxHops: integer(1, 255),
  firstHop: integer(1, 255),
  queries: integer(1, 10),
  port,
  timeout: number(1, longestTimer),
  payloadSize: integer(0, largestPayload),
  names: boolean,
} satisfies Schema

/** The options with their defaults filled in. */
export type TraceSettings = TracerouteOptions & typeof tracerouteDefaults

export const tracerouteDefaults = {
  method: 'icmp' as TracerouteMethod,
  maxHops: 30,
  firstHop: 1,
  queries: 3,
  timeout: 1000,
}

export function checkTracerouteOptions(host: string, options: TracerouteOptions): TraceSettings {
  return checkTraceOptions('traceroute', host, options, tracerouteSchema)
}

/** Checks the options of `traceroute` and its series. Returns a copy with the defaults filled in. */
export function checkTraceOptions<Options extends TracerouteOptions>(
  caller: string,
  host: string,
  options: Options,
  schema: Schema,
): Options & typeof tracerouteDefaults {
  string(host, `${caller}: host`)
  const settings = { ...tracerouteDefaults, ...checkOptions(caller, options, schema) }
  const { method, firstHop, maxHops } = settings
  const refuse = (key: 'firstHop' | 'port' | 'payloadSize', expected: string) => {
    throw errorAt(key, invalidArgument(`${caller}: ${key}`, settings[key], expected))
  }
  if (firstHop > maxHops) refuse('firstHop', `at most maxHops (${maxHops})`)
  if (settings.port !== undefined && method === 'icmp') refuse('port', 'left out with method icmp')
  if (settings.payloadSize !== undefined && method === 'tcp') refuse('payloadSize', 'left out with method tcp')
  return settings
}
