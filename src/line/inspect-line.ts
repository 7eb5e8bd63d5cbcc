import { firstRequest, httpCheckSchema } from '../checks/http/options.js'
import { errorAt, invalidArgument } from '../errors.js'
import {
  type Check,
  type CommonOptions,
  checkOptions,
  commonSchema,
  longestTimer,
  number,
  oneOf,
  pathOf,
  type Schema,
  string,
} from '../options.js'
import { dnsServer, dnsServers } from '../protocols/dns/server-address.js'
import { device as deviceNamed } from '../system/devices/devices.js'
import { judgeCarrierNat } from './carrier-nat.js'
import { findDnsTampering } from './dns-tampering.js'
import { type LineMtu, measureMtu } from './mtu.js'
import { answerTimeout, discoverNat, type NatResult, stunPort } from './nat.js'
import { allOf, part } from './parts.js'
import { findCaptivePortal } from './portal.js'
import { measureRate, rateSchema } from './rate/measure-rate.js'
import type { RateResult } from './rate/rate-result.js'
import { server, serverAddress } from './server-address.js'
import { type LineVerdict, unknown } from './verdict.js'

/** Options of `inspectLine`. Parts that need a server are measured only if you give one. */
export interface InspectLineOptions extends CommonOptions {
  /** STUN server for the public address and the NAT, as in `discoverNat`. Default: none. */
  stun?: string
  /** A URL whose answer you know, to find a captive portal. Plain http shows the most. Default: none. */
  portal?: string
  /** The status of that answer. Default: 204. */
  expectStatus?: number
  /** What the body of that answer contains. Default: any body is accepted. */
  expectBody?: string | RegExp
  /** Host to measure the path MTU to. Default: the host of `stun`, otherwise none. */
  mtuHost?: string
  /** Name servers of the line, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /** Domain in which a random name does not exist. Default: `invalid`, where no name exists (RFC 6761). */
  absentDomain?: string
  /** A name that has the same addresses everywhere, to compare what `servers` and `reference` know of it. Default: none. */
  name?: string
  /** Name server to compare with, asked over the same path. It needs `name`. Default: none. */
  reference?: string
  /**
   * Server to measure rate and latency under load against, as in `measureRate`. That moves as much data as the line carries for
   * 20 s: think of metered lines. It needs `token`, and follows the other parts. Default: none.
   */
  server?: string
  /** The token of `server`, as in `measureRate`. */
  token?: string
  /** Milliseconds of load in each direction, as in `measureRate`. It needs `server`. Default: 10,000. */
  duration?: number
  /** Payload bytes of each direction, as in `measureRate`. It needs `server`. Default: 500,000,000. */
  maxBytes?: number
  /** TCP connections of each direction, as in `measureRate`. It needs `server`. Default: 4. */
  connections?: number
  /** Address family of STUN, path MTU and rate. Default: that of the server's first address. */
  family?: 4 | 6
  /** Milliseconds for each answer. Default: 2000. */
  timeout?: number
}

/** The facts about a line. A part that you didn't ask for is undefined. */
export interface LineReport {
  /** The device; undefined for the default path. */
  readonly device: string | undefined
  /** Addresses of the device, without link-local ones; none for the default path. */
  readonly addresses: readonly string[]
  /** Public address and NAT. It needs `stun`. */
  readonly nat: NatResult | undefined
  /** Whether the carrier translates addresses (RFC 6598). */
  readonly carrierNat: LineVerdict
  /** Whether a sign-in page answers in place of a server. It needs `portal`. */
  readonly captivePortal: LineVerdict | undefined
  /** Whether name servers return addresses for a name that does not exist, or others than `reference` does. */
  readonly dnsTampering: LineVerdict
  /** The path MTU. It needs `mtuHost` or `stun`. */
  readonly pathMtu: LineMtu | undefined
  /** Rate and latency under load. It needs `server`. */
  readonly rate: RateResult | undefined
}

const url: Check = (value, name) => {
  string(value, name)
  firstRequest(value as string, {})
  return value as string
}

const schema: Schema = {
  ...commonSchema,
  stun: server,
  portal: url,
  expectStatus: httpCheckSchema.expectStatus!,
  expectBody: httpCheckSchema.expectBody!,
  mtuHost: string,
  servers: dnsServers,
  absentDomain: string,
  name: string,
  reference: dnsServer,
  ...rateSchema,
  server,
  family: oneOf(4, 6),
  timeout: number(1, longestTimer),
}

/**
 * Inspects one line: public address, NAT, carrier NAT, captive portal, DNS tampering, path MTU and rate. Every packet uses the path,
 * including DNS. Each verdict has its evidence, and is `unknown` without any. netvia has no servers of its own: it sends only to
 * those that you name, and to the name servers.
 *
 * @throws NetviaError for bad options; `ENODEV` if the device doesn't exist; `signal.reason` when aborted. Any other error is
 * part of the report.
 */
export async function inspectLine(given: InspectLineOptions = {}): Promise<LineReport> {
  const options = checkOptions('inspectLine', given, schema)
  const { device, signal, family, timeout = answerTimeout, servers, stun, portal, name, reference } = options
  needs(options, 'name', 'reference')
  needs(options, 'reference', 'name')
  needs(options, 'server', 'token')
  for (const option of ['token', 'duration', 'maxBytes', 'connections'] as const) needs(options, option, 'server')
  signal?.throwIfAborted()
  const path = { ...pathOf(options), signal }
  const addresses = device === undefined ? [] : await addressesOf(device, signal)
  const { mtuHost = stun && serverAddress(stun, 'inspectLine: stun', stunPort).host } = options
  const { absentDomain = 'invalid', expectBody, expectStatus = 204 } = options
  const [nat, captivePortal, dnsTampering, pathMtu] = await allOf([
    stun === undefined
      ? undefined
      : part<NatResult>(
          signal,
          () => discoverNat(stun, { ...path, family, timeout, servers }),
          error => ({ ok: false, error }),
        ),
    portal === undefined
      ? undefined
      : verdict(signal, () =>
          findCaptivePortal(portal, { ...path, servers, expectStatus, expectBody, timeout: timeout * 2 }),
        ),
    verdict(signal, () => findDnsTampering({ ...path, servers, absentDomain, name, reference, timeout })),
    mtuHost === undefined
      ? undefined
      : part<LineMtu>(
          signal,
          () => measureMtu(mtuHost, { ...path, servers, family, timeout }),
          ({ message }) => ({ mtu: undefined, evidence: message }),
        ),
  ])
  const carrierNat = judgeCarrierNat(addresses, nat)
  const rate = options.server === undefined ? undefined : await rateTo(options.server, options)
  return { device, addresses, nat, carrierNat, captivePortal, dnsTampering, pathMtu, rate }
}

/** Refuses `given` without `needed`. */
function needs(options: InspectLineOptions, given: keyof InspectLineOptions, needed: keyof InspectLineOptions): void {
  if (options[given] === undefined || options[needed] !== undefined) return
  throw errorAt(needed, invalidArgument(`inspectLine: ${needed}`, undefined, `given with ${given}`))
}

function rateTo(server: string, options: InspectLineOptions): Promise<RateResult> {
  const { signal, token, duration, maxBytes, connections, family, servers, timeout } = options
  const load = { ...pathOf(options), signal, token: token!, duration, maxBytes, connections, family, servers, timeout }
  return part<RateResult>(
    signal,
    () => measureRate(server, load),
    error => ({ ok: false, idle: undefined, down: undefined, up: undefined, error }),
  )
}

function verdict(signal: AbortSignal | undefined, work: () => Promise<LineVerdict>): Promise<LineVerdict> {
  return part(signal, work, ({ message }) => unknown(message))
}

async function addressesOf(name: string, signal: AbortSignal | undefined): Promise<string[]> {
  const { addresses } = await deviceNamed(name, { signal })
  return addresses.filter(({ scope }) => scope !== 'link').map(({ address }) => address)
}
