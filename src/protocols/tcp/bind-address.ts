import { NetviaError } from '../../errors.js'
import { type CommonOptions, pathOf } from '../../options.js'
import { nameTimeout, resolveFirst } from '../dns/resolve.js'

/**
 * The address to bind to: `host`, resolved over the path if it is a name, or else `localAddress`. Undefined means any address.
 */
export async function bindAddress(
  caller: string,
  options: CommonOptions & { host?: string; family?: 4 | 6; servers?: readonly string[] },
): Promise<string | undefined> {
  const { host, family, localAddress, servers, signal } = options
  if (host === undefined) return localAddress
  if (localAddress !== undefined && localAddress !== host) {
    throw new NetviaError(`${caller}: host and localAddress both name the address to bind to; give one of them`, {
      code: 'ERR_INVALID_ARG_VALUE',
    })
  }
  const { address } = await resolveFirst(host, { ...pathOf(options), family, servers, timeout: nameTimeout, signal })
  return address
}
