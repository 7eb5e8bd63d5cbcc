import { type BorrowedSource, borrowedSource } from '../../system/borrowed-source.js'
import type { Device } from '../../system/devices/device.js'
import { mainTable, type Route } from '../../system/netlink/route.js'
import { loosenHint, reversePathFilter, strict } from '../../system/reverse-path.js'
import type { Finding } from './finding.js'

export interface DefaultRoute {
  device: string
  family: 4 | 6
  metric: number
}

/** The default routes that packets without a device choose from, best first. */
export function defaultRoutes(routes: readonly Route[], devices: readonly Device[]): DefaultRoute[] {
  const names = new Map(devices.map(({ index, name }) => [index, name]))
  return routes
    .filter(({ table, source, type }) => table === mainTable && source === undefined && type === 'unicast')
    .flatMap(({ family, metric, hops }) =>
      hops.map(({ deviceIndex }) => ({ family, metric, device: names.get(deviceIndex) ?? String(deviceIndex) })),
    )
    .sort((a, b) => a.family - b.family || a.metric - b.metric)
}

export function routeFindings(routes: readonly DefaultRoute[]): Finding[] {
  return ([4, 6] as const).flatMap(family => {
    const ways = routes.filter(route => route.family === family)
    if (ways.length < 2) return []
    const listed = ways.map(({ device, metric }) => `${device} (metric ${metric})`).join(', ')
    const best = ways[0]!
    const detail = ways.some(({ device, metric }) => device !== best.device && metric === best.metric)
      ? `${listed}: of equal metric, so without -I it is not said which one a packet takes`
      : `${listed}: without -I everything goes out through ${best.device}`
    return [{ about: `default routes, IPv${family}`, status: 'note' as const, detail }]
  })
}

/** What keeps packets from leaving by this device, or their answers from coming in. `all`: the devices of this machine. */
export function deviceFindings(
  device: Device,
  all: readonly Device[],
  routes: readonly DefaultRoute[],
  asked: boolean,
): Finding[] {
  const { name } = device
  const finding: MakeFinding = (about, status, detail, fix) => {
    return { about: `${name}: ${about}`, status, detail, fix, device: name }
  }
  if (!device.up) return [finding('up', 'no', 'it is switched off', `ip link set ${name} up`)]
  const own = routes.filter(route => route.device === name)
  if (!device.running) {
    // No command puts a cable in.
    const needed = asked || own.length > 0
    return [finding('carrier', needed ? 'no' : 'note', 'none: the cable, the modem or the other end is off')]
  }
  const findings = [finding('up', 'yes', device.addresses.map(({ address }) => address).join(', ') || 'no address')]
  if (own.length > 0) {
    const shown = own.map(({ family, metric }) => `IPv${family} with metric ${metric}`).join(', ')
    findings.push(finding('default route', 'yes', shown))
  } else if (asked && device.kind !== 'loopback') {
    const detail = 'none by it: whatever is not on its own network cannot be reached'
    findings.push(finding('default route', 'no', detail, `ip route add default via GATEWAY dev ${name} metric 1000`))
  }
  if (own.some(({ family }) => family === 4)) findings.push(reversePath(name, routes, finding))
  const ownerOf = (source: string) => all.find(({ addresses }) => addresses.some(isGlobal6(source)))?.name
  const source = sourceAddress(device, borrowedSource(name, ownerOf), finding)
  return source ? [...findings, source] : findings
}

type MakeFinding = (about: string, status: Finding['status'], detail: string, fix?: string) => Finding

/** `wanted`: default: any. */
function isGlobal6(wanted?: string) {
  return ({ family, scope, address }: Device['addresses'][number]) =>
    family === 6 && scope === 'global' && (wanted ?? address) === address
}

/** What the kernel gives to packets where the device has no address that it prefers. */
function sourceAddress(
  device: Device,
  borrowed: BorrowedSource | undefined,
  finding: MakeFinding,
): Finding | undefined {
  const about = 'IPv6 source address'
  const own = device.addresses.filter(isGlobal6())
  const isDeprecated = own.length > 0 && own.every(({ deprecated }) => deprecated)
  if (!borrowed) return isDeprecated ? finding(about, 'yes', 'deprecated, but its own') : undefined
  const packets = `packets have ${borrowed.address} of ${borrowed.device}, where answers go`
  if (own.length === 0)
    return finding(about, 'note', `it has none: ${packets}, unless a prefix is delegated through it`)
  // Not with dots: a VLAN's name has one too.
  const fix = `sysctl -w net/ipv6/conf/${device.name}/use_oif_addrs_only=1`
  return finding(about, 'no', `its own are deprecated: ${packets}`, fix)
}

/** Strict filtering (RFC 3704) drops what comes in by a device that is not the best way back. */
function reversePath(name: string, routes: readonly DefaultRoute[], finding: MakeFinding): Finding {
  const value = reversePathFilter(name)
  if (value === undefined) return finding('rp_filter', 'note', 'unknown: /proc/sys cannot be read here')
  const best = routes.find(({ family }) => family === 4)!
  if (value !== strict || best.device === name) return finding('rp_filter', 'yes', `${value}: answers are let in`)
  const detail = `strict: answers are dropped, because the way back leads by ${best.device}`
  return finding('rp_filter', 'no', detail, loosenHint(name))
}
