import { AF_INET6, addressFamily } from '../../sockets/address.js'
import { parseIP } from '../../sockets/ip.js'
import { decodeAttributes, encodeAttribute } from './attributes.js'
import { pack, readU32 } from './bytes.js'
import { attribute, hopFlagOnLink, hopHeaderSize, type KernelRoute, type RouteHop } from './route.js'

const scope = { universe: 0, link: 253, any: 255 } as const
const type = { any: 0, unicast: 1, unreachable: 7 } as const
/** RTAX_MTU of linux/rtnetlink.h. */
const metricMtu = 2

/** The fields of a default route that netvia sets. */
export interface DefaultRoute
  extends Pick<KernelRoute, 'family' | 'table' | 'protocol' | 'metric' | 'preferredSource' | 'metrics'> {
  /** The hops. Without any, the route refuses packets as unreachable. */
  readonly hops: readonly RouteHop[]
}

/** RTM_NEWROUTE (rtnetlink(7)). Pure. */
export function encodeDefaultRoute(route: DefaultRoute): Uint8Array {
  const { family, hops, preferredSource, metrics } = route
  const [first] = hops
  // Like ip-route(8): a route without a gateway has link scope.
  const isLink = family === 4 && hops.length === 1 && first!.gateway === undefined
  const attributes = hops.length > 1 ? [encodeMultipath(family, hops)] : first ? encodeHop(family, first) : []
  return Buffer.concat([
    header(
      route,
      isLink ? scope.link : scope.universe,
      first ? type.unicast : type.unreachable,
      hops.length === 1 ? hopFlags(first!) : 0,
    ),
    ...common(route),
    ...(preferredSource === undefined ? [] : [encodeAttribute(attribute.preferredSource, parseIP(preferredSource))]),
    ...(metrics === undefined ? [] : [encodeAttribute(attribute.metrics, metrics)]),
    ...attributes,
  ])
}

/** RTM_DELROUTE, whatever the route's hops. Pure. */
export function encodeDefaultRouteRemoval(route: DefaultRoute): Uint8Array {
  return Buffer.concat([header(route, scope.any, type.any, 0), ...common(route)])
}

/** The MTU among the metrics of a route; Infinity without one. Pure. */
export function mtuOf(metrics: Uint8Array = new Uint8Array()): number {
  return readU32(decodeAttributes(metrics).get(metricMtu) ?? new Uint8Array()) ?? Number.POSITIVE_INFINITY
}

/** `struct rtmsg`. */
function header({ family, protocol }: DefaultRoute, scope: number, type: number, flags: number): Uint8Array {
  return pack([1, addressFamily(family)], [2, 0], [1, 0], [1, 0], [1, protocol], [1, scope], [1, type], [4, flags])
}

function common({ table, metric }: DefaultRoute): Uint8Array[] {
  return [
    encodeAttribute(attribute.table, pack([4, table])),
    ...(metric === 0 ? [] : [encodeAttribute(attribute.metric, pack([4, metric]))]),
  ]
}

function encodeHop(family: 4 | 6, { deviceIndex, gateway }: RouteHop): Uint8Array[] {
  return [encodeAttribute(attribute.device, pack([4, deviceIndex])), ...encodeGateway(family, gateway)]
}

function encodeGateway(family: 4 | 6, gateway: string | undefined): Uint8Array[] {
  if (gateway === undefined) return []
  const bytes = parseIP(gateway)
  if (family === 4 && bytes.length === 16)
    return [encodeAttribute(attribute.via, Buffer.concat([pack([2, AF_INET6]), bytes]))]
  return [encodeAttribute(attribute.gateway, bytes)]
}

/** `struct rtnexthop` for each hop. */
function encodeMultipath(family: 4 | 6, hops: readonly RouteHop[]): Uint8Array {
  const entries = hops.map(hop => {
    const gateway = Buffer.concat(encodeGateway(family, hop.gateway))
    const length = hopHeaderSize + gateway.length
    const entry = pack([2, length], [1, hopFlags(hop)], [1, (hop.weight ?? 1) - 1], [4, hop.deviceIndex])
    return Buffer.concat([entry, gateway])
  })
  return encodeAttribute(attribute.multipath, Buffer.concat(entries))
}

function hopFlags({ onLink }: RouteHop): number {
  return onLink ? hopFlagOnLink : 0
}
