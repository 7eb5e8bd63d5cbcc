import { addon } from '../binding/addon.js'
import { isIP } from '../builtins.js'
import { isSilent } from './netlink/neighbour.js'
import { neighbour, readRules, routeHops } from './netlink/tables.js'
import { sourcesFor } from './reverse-path.js'
import { wasSilent } from './silent-neighbours.js'

/** The command that lets a device reach what isn't on its link. */
export function routeHint(device: string): string {
  const command = `ip route add default via GATEWAY dev ${device} metric 1000`
  return `no route leads there through ${device}, so the kernel looks for it on the link: ${command}`
}

/**
 * Returns whether the kernel looks for an IPv4 address on the link of this device for want of a route, and nobody answers there. It is
 * false where the kernel may choose a route by what no question has: a mark, a port, a protocol. `ageMs`, for one of many addresses: a
 * packet was sent there so long ago.
 */
export function missingRoute(deviceIndex: number): (address: string, ageMs?: number) => boolean {
  let isRuled: ReturnType<typeof routedByRule> | undefined
  return (address, ageMs) => {
    if (ageMs !== undefined && !wasSilent(address, deviceIndex, ageMs)) return false
    if (!isSilent(neighbour(address, deviceIndex)?.state) || routeHops(address, { deviceIndex })) return false
    isRuled ??= routedByRule(deviceIndex)
    return !isRuled(address)
  }
}

/** The hint about a host that the kernel has looked for on the link of the device in vain. Undefined if a route leads there. */
export function missingRouteHint(address: string, device: string | undefined): string | undefined {
  if (device === undefined || isIP(address) !== 4) return undefined
  try {
    return missingRoute(addon().deviceIndex(device))(address) ? routeHint(device) : undefined
  } catch {
    // Netlink is refused.
    return undefined
  }
}

/** Whether a rule may know a route for packets that have more than a destination. */
function routedByRule(deviceIndex: number): (address: string) => boolean {
  const rules = readRules().filter(({ family }) => family === 4)
  const isAnybodys = !rules.some(({ isOfSome, mark }) => isOfSome || mark !== undefined)
  const sources = isAnybodys ? sourcesFor(rules, deviceIndex) : undefined
  return address => !sources || sources.some(source => routeHops(address, { deviceIndex, source }))
}
