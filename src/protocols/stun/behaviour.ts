import { isIP } from '../../builtins.js'
import { NetviaError } from '../../errors.js'
import type { PathOptions } from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { parseIP } from '../../sockets/ip.js'
import { type Endpoint, sameAddress, sameEndpoint } from './attributes.js'
import { type StunAnswer, StunClient } from './client.js'

/**
 * How a NAT maps or filters (RFC 4787 sections 4.1 and 5). `endpoint-independent`: in the same way for every destination.
 * `address-dependent`: separately for each destination address. `address-and-port-dependent`: separately for each destination
 * address and port. `unknown`: nothing proves one of these.
 */
export type NatBehaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent' | 'unknown'

/** A verdict and its evidence. */
export interface NatVerdict {
  /** The behaviour. */
  readonly behaviour: NatBehaviour
  /** What proves it, or why it is unknown. */
  readonly evidence: string
}

/** What the tests share. */
export interface NatTest {
  readonly path: PathOptions
  readonly family: 4 | 6
  readonly server: Endpoint
  readonly timeout: number
  readonly signal: Signal
}

const unknown = (evidence: string): NatVerdict => ({ behaviour: 'unknown', evidence })
const shown = ({ address, port }: Endpoint) => `${address.includes(':') ? `[${address}]` : address}:${port}`

/**
 * The second address and port of a server (OTHER-ADDRESS). Servers with only one name themselves, or nothing that can be asked. Tests
 * against that would take each NAT for an open one.
 */
export function secondOf({ server, family }: NatTest, { other }: StunAnswer): Endpoint | undefined {
  if (!other || isIP(other.address) !== family || other.port === 0 || other.port === server.port) return undefined
  const isSomewhere = parseIP(other.address).some(byte => byte !== 0)
  return isSomewhere && !sameAddress(other.address, server.address) ? other : undefined
}

/** Errors of a request to the second address that show nothing but that the server named a wrong one. */
const ofSecond = new Set(['EACCES', 'EHOSTUNREACH', 'EINVAL', 'ENETUNREACH', 'ERR_OFF_PATH', 'ERR_STUN'])

/** As silence: the server itself has answered. */
function noSecond(error: unknown): undefined {
  if (!(error instanceof NetviaError && ofSecond.has(error.code))) throw error
}

/** Compares one port as three destinations see it (RFC 5780 section 4.3). `first` is the server's view. */
export async function testMapping(
  { server, timeout, signal }: NatTest,
  client: Pick<StunClient, 'request'>,
  { mapped: first, other }: StunAnswer,
): Promise<NatVerdict> {
  if (!other) return unknown('the server has no second address (OTHER-ADDRESS)')
  const ask = (to: Endpoint) => client.request({ to, timeout, signal }).catch(noSecond)
  const second = await ask({ address: other.address, port: server.port })
  if (!second) return unknown(`no answer from the server's second address ${other.address}:${server.port}`)
  if (sameEndpoint(first, second.mapped))
    return { behaviour: 'endpoint-independent', evidence: `two addresses of the server both see ${shown(first)}` }
  const third = await ask(other)
  if (!third) return unknown(`no answer from the server's second address and port ${shown(other)}`)
  const seen = [first, second.mapped, third.mapped].map(shown)
  return sameEndpoint(second.mapped, third.mapped)
    ? { behaviour: 'address-dependent', evidence: `two addresses of the server see ${seen[0]} and ${seen[1]}` }
    : { behaviour: 'address-and-port-dependent', evidence: `three destinations see ${seen.join(', ')}` }
}

/**
 * Requests answers from addresses that nothing was sent to (RFC 5780 section 4.4). Each test uses a port of its own,
 * because the mapping test lets all of the server's addresses in. Silence counts only if that address has been shown to
 * work.
 */
export async function testFiltering(test: NatTest, other: Endpoint | undefined): Promise<NatVerdict> {
  const { server } = test
  if (!other) return unknown('the server has no second address (OTHER-ADDRESS)')
  const otherPort = { address: server.address, port: other.port }
  const [address, port] = await Promise.all([letsIn(test, other), letsIn(test, otherPort)])
  if (address === 'yes')
    return { behaviour: 'endpoint-independent', evidence: `an answer from ${shown(other)} came in unasked` }
  if (address !== 'no') return unknown(address)
  if (port === 'yes')
    return { behaviour: 'address-dependent', evidence: `of the server's address every port gets in, no other address` }
  if (port !== 'no') return unknown(port)
  return { behaviour: 'address-and-port-dependent', evidence: `only answers from where a request went get in` }
}

/** Whether an answer from `from` reaches a port that has sent only to the server. Otherwise, why nothing proves either. */
async function letsIn({ path, family, server, timeout, signal }: NatTest, from: Endpoint): Promise<string> {
  const client = await StunClient.open(path, family)
  try {
    const opened = await client.request({ to: server, timeout, signal })
    if (!opened) return 'the server did not answer each time'
    const answer = await client.request({ to: server, from, timeout, signal })
    if (answer) return sameEndpoint(answer.source, from) ? 'yes' : 'the server does not honour CHANGE-REQUEST'
    // This port has sent to every address by now, so an answer must come.
    return (await client.request({ to: from, timeout, signal }).catch(noSecond))
      ? 'no'
      : `${shown(from)} does not answer at all`
  } finally {
    client.close()
  }
}
