import { constants } from 'node:os'
import { type NetviaError, systemError } from '../errors.js'
import { carryOut } from '../system/netlink/request.js'
import type { Entries, Entry } from './entries.js'

const { EAFNOSUPPORT, EEXIST, ENOENT, EOPNOTSUPP, EPERM, ESRCH } = constants.errno

/**
 * Changes the present entries into `wanted`: adds new ones, replaces each changed route in one step, then removes the rest.
 * Returns the resulting entries (`present` itself if nothing changed) and the first refusal.
 */
export function apply(fd: number, present: Entries, wanted: Entries): { entries: Entries; error?: NetviaError } {
  const put = [...wanted.values()].filter(({ id, content }) => present.get(id)?.content !== content)
  // Rules before the routes that they lead to.
  const removed = [...present.values()].filter(({ id }) => !wanted.has(id)).reverse()
  const orders = [...put.map(entry => entry.put), ...removed.map(entry => entry.remove)]
  if (orders.length === 0) return { entries: present }
  const entries = new Map(present)
  let error: NetviaError | undefined
  for (const [index, errno] of carryOut(fd, orders).entries()) {
    const isPut = index < put.length
    const entry = isPut ? put[index]! : removed[index - put.length]!
    const done = errno === 0 || (isPut ? errno === -EEXIST : errno === -ESRCH || errno === -ENOENT)
    if (!done) error ??= refusal(errno, entry)
    else if (isPut) entries.set(entry.id, entry)
    else entries.delete(entry.id)
  }
  return { entries, error }
}

/** Whether it stays refused, whatever becomes of devices and addresses. */
export function isLasting({ errno }: NetviaError): boolean {
  return [EPERM, EOPNOTSUPP, EAFNOSUPPORT].includes(-errno!)
}

function refusal(errno: number, { words }: Entry): NetviaError {
  const hint = errno === -EPERM ? 'setting routes needs CAP_NET_ADMIN' : `it was about ${words}`
  return systemError(errno, 'rtnetlink', { hint })
}
