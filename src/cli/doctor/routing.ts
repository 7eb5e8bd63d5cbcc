import { isLockHeld } from '../../routing/kernel-lock.js'
import { isOurs, ourProtocol } from '../../routing/kernel-tables.js'
import type { Route } from '../../system/netlink/route.js'
import type { Rule } from '../../system/netlink/rule.js'
import { plural } from '../shared/output/format.js'
import type { Finding } from './finding.js'

/** Rules first: what they lead to is there until the last of them is gone. */
function removal(routes: readonly Route[]): string {
  const flushes = new Set([
    ...['-4 rule flush', '-6 rule flush'],
    ...routes.map(({ family, table }) => `-${family} route flush table ${table}`),
  ])
  return [...flushes].map(flush => `ip ${flush} proto ${ourProtocol}`).join('; ')
}

/** The routes and rules of an UplinkRouting, which stay in force if its process is killed. */
export function routingFindings(routes: readonly Route[], rules: readonly Rule[]): Finding[] {
  const ownRoutes = routes.filter(isOurs)
  const ownRules = rules.filter(({ protocol }) => protocol === ourProtocol)
  if (ownRoutes.length === 0 && ownRules.length === 0) return []
  const what = `${plural(ownRoutes.length, 'route')} and ${plural(ownRules.length, 'rule')} of netvia`
  const about = 'routing'
  const isHeld = isLockHeld()
  if (isHeld === undefined)
    return [{ about, status: 'note', detail: `${what}; without /proc it is unknown whether their process runs` }]
  if (isHeld) return [{ about, status: 'yes', detail: `${what}, which follow the uplinks` }]
  const detail = `${what} are in force, but the process that made them has ended: start it again, or remove them`
  return [{ about, status: 'no', optional: true, detail, fix: removal(ownRoutes) }]
}
