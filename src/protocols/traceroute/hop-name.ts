import { pathOf } from '../../options.js'
import { isHostName } from '../dns/names.js'
import { resolve } from '../dns/resolve.js'
import type { TraceSettings } from './options.js'

/** The name of a hop (PTR record), looked up over the path. Undefined if it has none, or none that can be a host name. */
export async function nameOfHop(
  address: string,
  settings: TraceSettings,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const options = { type: 'PTR', timeout: settings.timeout, signal, ...pathOf(settings) } as const
    const found = await resolve(address.replace(/%.*/, ''), options)
    return found.find(({ data }) => isHostName(data))?.data
  } catch {
    // The hop is the address that was asked for.
    return undefined
  }
}
