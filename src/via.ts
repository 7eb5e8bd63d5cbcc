import { checkDns } from './checks/check-dns.js'
import { checkPing } from './checks/check-ping.js'
import { checkTcp } from './checks/check-tcp.js'
import { checkHttp } from './checks/http/check-http.js'
import { NetviaError, shown } from './errors.js'
import { inspectLine } from './line/inspect-line.js'
import { discoverNat } from './line/nat.js'
import { measureRate } from './line/rate/measure-rate.js'
import { serveLine } from './line/serve-line.js'
import { checkOptions, PartlyKnown, type PathOptions, pathSchema } from './options.js'
import { createLookup } from './protocols/dns/lookup.js'
import { resolve } from './protocols/dns/resolve.js'
import { HttpAgent, HttpsAgent } from './protocols/http/agent.js'
import { ping } from './protocols/icmp/ping.js'
import { pings } from './protocols/icmp/pings.js'
import { openIcmp } from './protocols/icmp/socket/icmp-socket.js'
import { sweep } from './protocols/icmp/sweep/sweep.js'
import { pathMtu } from './protocols/path-mtu/path-mtu.js'
import { connect } from './protocols/tcp/connect.js'
import { connectTls } from './protocols/tcp/connect-tls.js'
import { listen } from './protocols/tcp/listen.js'
import { traceroute } from './protocols/traceroute/traceroute.js'
import { traceroutes } from './protocols/traceroute/traceroutes.js'
import { openUdp } from './protocols/udp/open-udp.js'
import { openUdpPackets } from './protocols/udp/open-udp-packets.js'
import { scanPorts } from './scan/scan-ports.js'
import { sweepPorts } from './scan/sweep-ports.js'

/** Calls that take their options first. The others take them second, after a host, name or URL. */
const optionsFirst = {
  connect,
  connectTls,
  listen,
  openUdp,
  openUdpPackets,
  openIcmp,
  createLookup,
  checkTcp,
  inspectLine,
  serveLine,
}
const optionsSecond = {
  ping,
  pings,
  sweep,
  traceroute,
  traceroutes,
  pathMtu,
  resolve,
  checkHttp,
  checkDns,
  checkPing,
  scanPorts,
  sweepPorts,
  discoverNat,
  measureRate,
}

type Calls = typeof optionsFirst & typeof optionsSecond

/** Where a call takes a device, this one. */
type OnDevice<Args extends readonly unknown[], Device> = {
  [Place in keyof Args]: 'device' extends keyof NonNullable<Args[Place]>
    ? Args[Place] & { device?: Device | undefined }
    : Args[Place]
}

/** As a method: a `Via<'wan2'>` is also a `Via`. */
type Bound<Call extends (...args: never[]) => unknown, Device> = {
  call(...args: OnDevice<Parameters<Call>, Device>): ReturnType<Call>
}['call']

/** Every netvia call that sends packets, with the path already set. A call refuses another device than the path's. */
export type Via<Device extends string = string> = {
  // These two have a type parameter and overloads, which a mapped type loses.
  readonly [Name in keyof Calls]: Name extends 'resolve' | 'checkDns' ? Calls[Name] : Bound<Calls[Name], Device>
} & {
  /** `HttpAgent` that uses the path. */
  readonly HttpAgent: typeof HttpAgent
  /** `HttpsAgent` that uses the path. */
  readonly HttpsAgent: typeof HttpsAgent
  /** The path itself, frozen. */
  readonly path: Readonly<PathOptions>
}

/**
 * Returns netvia's calls for one path: `const wan2 = via('wan2'); await wan2.ping('192.0.2.1')`. Takes a device name or path
 * options.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` for an invalid path. A call throws it too if its own options contradict the path,
 * so that no packet leaves the path by accident.
 */
export function via<Device extends string = string>(
  pathOrDevice: Device | (PathOptions & { device?: Device | undefined }),
): Via<Device> {
  const given = typeof pathOrDevice === 'string' ? { device: pathOrDevice } : pathOrDevice
  const path = checkOptions('via', given, pathSchema)
  const bound = [
    ...Object.entries(optionsFirst).map(([name, call]) => [name, onPath(path, name, call, 0)]),
    ...Object.entries(optionsSecond).map(([name, call]) => [name, onPath(path, name, call, 1)]),
  ]
  return {
    ...(Object.fromEntries(bound) as unknown as Via<Device>),
    HttpAgent: class extends HttpAgent {
      constructor(options?: ConstructorParameters<typeof HttpAgent>[0]) {
        super(withPath(path, 'HttpAgent', options))
      }
    },
    HttpsAgent: class extends HttpsAgent {
      constructor(options?: ConstructorParameters<typeof HttpsAgent>[0]) {
        super(withPath(path, 'HttpsAgent', options))
      }
    },
    path: Object.freeze(path),
  }
}

function onPath(path: PathOptions, name: string, call: unknown, position: number): unknown {
  return (...args: unknown[]) => {
    args[position] = withPath(path, name, args[position] as PathOptions | undefined)
    return (call as (...args: unknown[]) => unknown)(...args)
  }
}

function withPath<T extends PathOptions>(path: PathOptions, caller: string, options = {} as T): T {
  for (const [key, value] of Object.entries(path)) {
    const own = (options as T | null)?.[key as keyof PathOptions]
    if (own !== undefined && own !== value) {
      throw new NetviaError(`${caller}: ${key} ${shown(own)} contradicts the path's ${shown(value)}`, {
        code: 'ERR_INVALID_ARG_VALUE',
        hint: 'call the function itself, or via() with the other path',
      })
    }
  }
  return new PartlyKnown(options, path as Record<string, unknown>) as unknown as T
}
