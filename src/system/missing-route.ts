import { addon } from '../binding/addon.js'
import { isIP } from '../builtins.js'
import { isSilent } from './netlink/neighbour.js'
import { neighbour, readRules, readSilentNeighbours, routeHops } from './netlink/tables.js'
import { sourcesFor } from './reverse-path.js'

/** The command that lets a device reach what isn't on its link. */
export function routeHint(device: string): string {
  const command = `ip route add default via GATEWAY dev ${device} metric 1000`
  return `no route leads there through ${device}, so the kernel looks for it on the link: ${command}`
}

/**
 * Returns whether the kernel looks for an IPv4 address on the link of this device for want of a route, and nobody answers there. It is
 * false where the kernel may choose a route by what no question has: a mark, a port, a protocol.
 */
export function missingRoute(deviceIndex: number, isUnanswered = silentOn(deviceIndex)): (address: string) => boolean {
  let isRuled: ReturnType<typeof routedByRule> | undefined
  return address => {
    if (!isUnanswered(address) || routeHops(address, { deviceIndex })) return false
    isRuled ??= routedByRule(deviceIndex)
    return !isRuled(address)
  }
}

/** The hint about a host that the kernel has looked for on the link of the device in vain. Undefined if a route leads there. */
export function missingRouteHint(address: string, device: string | undefined): string | undefined {
  if (device === undefined || isIP(address) !== 4) return undefined
  try {
    const index = addon().deviceIndex(device)
    // Many calls may ask, each about an address of its own.
    const isUnanswered = () => isSilent(neighbour(address, index)?.state)
    return missingRoute(index, isUnanswered)(address) ? routeHint(device) : undefined
  } catch {
    // Netlink is refused.
    return undefined
  }
}

function silentOn(deviceIndex: number): (address: string) => boolean {
  let silent: ReadonlySet<string> | undefined
  const read = () => readSilentNeighbours().flatMap(one => (one.deviceIndex === deviceIndex ? one.address : []))
  return address => {
    silent ??= new Set(read())
    return silent.has(address)
  }
}

/** Whether a rule may know a route for packets that have more than a destination. */
function routedByRule(deviceIndex: number): (address: string) => boolean {
  const rules = readRules().filter(({ family }) => family === 4)
  const isAnybodys = !rules.some(({ isOfSome, mark }) => isOfSome || mark !== undefined)
  const sources = isAnybodys ? sourcesFor(rules, deviceIndex) : undefined
  return address => !sources || sources.some(source => routeHops(address, { deviceIndex, source }))
}
