import { NetviaError } from '../errors.js'
import { isOurs, type KernelTables } from './kernel-tables.js'

/** The tables in which other programs have default routes. */
export function foreignTables({ defaultRoutes }: KernelTables): Set<number> {
  return new Set(defaultRoutes.filter(route => !isOurs(route)).map(({ table }) => table))
}

/**
 * Setting a default route in `table` would replace another program's, if `foreign` has the table.
 *
 * @throws NetviaError `ERR_ROUTING_IN_USE`.
 */
export function refuseTableInUse(table: number, foreign: ReadonlySet<number>): void {
  if (!foreign.has(table)) return
  throw new NetviaError(`another program has a default route in table ${table}`, {
    code: 'ERR_ROUTING_IN_USE',
    hint: `ip route show table ${table}   # shows it; remove it, or choose another number with "table"`,
  })
}
