import { isLockHeld } from '../../routing/kernel-lock.js'
import { ourProtocol } from '../../routing/kernel-tables.js'
import type { Route } from '../../system/netlink/route.js'
import type { Rule } from '../../system/netlink/rule.js'
import { plural } from '../shared/output/format.js'
import type { Finding } from './finding.js'

/** Rules first: what they lead to is there until the last of them is gone. */
const removal = ['-4 rule flush', '-6 rule flush', '-4 route flush table all', '-6 route flush table all']
  .map(command => `ip ${command} proto ${ourProtocol}`)
  .join('; ')

/** The routes and rules of an UplinkRouting, which stay in force if its process is killed. */
export function routingFindings(routes: readonly Route[], rules: readonly Rule[]): Finding[] {
  const isOurs = ({ protocol }: Route | Rule) => protocol === ourProtocol
  const [ownRoutes, ownRules] = [routes.filter(isOurs).length, rules.filter(isOurs).length]
  if (ownRoutes === 0 && ownRules === 0) return []
  const what = `${plural(ownRoutes, 'route')} and ${plural(ownRules, 'rule')} of netvia`
  const about = 'routing'
  if (isLockHeld()) return [{ about, status: 'yes', detail: `${what}, which follow the uplinks` }]
  const detail = `${what} are in force, but the process that made them has ended: start it again, or remove them`
  return [{ about, status: 'no', optional: true, detail, fix: removal }]
}
