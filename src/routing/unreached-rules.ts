import { mainTable } from '../system/netlink/route.js'
import type { Rule } from '../system/netlink/rule.js'
import { ourProtocol } from './kernel-tables.js'
import { lastPlace } from './plan.js'

/** The kernel's own table after `main`. */
const defaultTable = 253

/** Remarks on rules of other programs behind netvia's, which leave no packet for them: those of a VPN, for example. Pure. */
export function unreachedRules(rules: readonly Rule[], rulePriority: number): string[] {
  const unreached = rules.filter(({ priority, protocol, table }) => {
    const isBehind = priority > rulePriority + lastPlace && protocol !== ourProtocol
    return isBehind && table !== mainTable && table !== defaultTable
  })
  const names = new Set(unreached.map(({ priority, table }) => `${priority} (table ${table})`))
  if (names.size === 0) return []
  return [
    `rules of another program come after netvia's, so packets that a default route takes don't reach them: ${[...names].join(', ')}; give them a priority below ${rulePriority}`,
  ]
}
