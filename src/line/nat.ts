import { judge } from '../checks/outcome.js'
import { joinHostPort, NetviaError } from '../errors.js'
import { type CommonOptions, checkOptions, commonSchema, milliseconds, oneOf, pathOf, type Schema } from '../options.js'
import { nameTimeout, resolveFirst } from '../protocols/dns/resolve.js'
import { dnsServers } from '../protocols/dns/server-address.js'
import { type Endpoint, sameEndpoint } from '../protocols/stun/attributes.js'
import { type NatTest, type NatVerdict, secondOf, testFiltering, testMapping } from '../protocols/stun/behaviour.js'
import { StunClient } from '../protocols/stun/client.js'
import { familyOf } from '../sockets/address.js'
import { unmapped } from '../sockets/ip.js'
import { sourceAddress } from '../sockets/source-address.js'
import { allOf } from './parts.js'
import { serverAddress } from './server-address.js'

/** Options of `discoverNat`. */
export interface DiscoverNatOptions extends CommonOptions {
  /** Address family. Default: that of the address; for a name, that of its first address. */
  family?: 4 | 6
  /**
   * Milliseconds to wait for each answer. Requests are repeated after 500 ms, and then after twice as long each time (RFC 8489).
   * The whole call takes up to four times as long, and up to 5 s more to resolve a name. Default: 2000.
   */
  timeout?: number
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
}

/** The server answered. */
export interface NatFound {
  /** The server answered. */
  ok: true
  /** The server's address and port. */
  server: string
  /** Source address of the requests. */
  localAddress: string
  /** Source port of the requests. */
  localPort: number
  /** The address that the server sees (XOR-MAPPED-ADDRESS). */
  publicAddress: string
  /** The port that the server sees. */
  publicPort: number
  /** Whether the server sees another address or port than the local one. Something in between translates then. */
  translated: boolean
  /** How local ports are mapped to public ones, by RFC 5780 section 4.3. */
  mapping: NatVerdict
  /** Which packets from outside get in, by RFC 5780 section 4.4. Without translation, this is a firewall's behaviour. */
  filtering: NatVerdict
  /** Round trip of one request, in milliseconds. */
  rttMs: number
  /** A measurement that succeeded has no error. */
  error: undefined
}

/** Nothing is known of the NAT. */
export interface NatUnknown {
  /** The server gave no usable answer. */
  ok: false
  /** Why not. */
  error: NetviaError
}

/** The result of `discoverNat`. `ok` distinguishes the two kinds. */
export type NatResult = NatFound | NatUnknown

const schema: Schema = {
  ...commonSchema,
  family: oneOf(4, 6),
  timeout: milliseconds,
  servers: dnsServers,
}

/** Milliseconds for each answer. */
export const answerTimeout = 2000

/** The registered port of STUN (RFC 8489 section 18.6). */
export const stunPort = 3478

/**
 * Asks a STUN server of yours for the public address of this path, and for the behaviour of the NAT on it (RFC 8489, RFC 5780).
 * `server` is `host`, `host:port` or `[IPv6 address]:port`; the port is 3478 by default. Only a server with two addresses, such
 * as `serveLine` and coturn can be, shows the behaviour. Each verdict has its evidence, and is `unknown` without any.
 *
 * @throws NetviaError for local errors: bad options; `ENODEV` if the device doesn't exist; `signal.reason` when aborted.
 */
export async function discoverNat(server: string, given: DiscoverNatOptions = {}): Promise<NatResult> {
  const place = serverAddress(server, 'discoverNat: server', stunPort)
  const options = checkOptions('discoverNat', given, schema)
  const { device, family, servers, signal = new AbortController().signal, timeout = answerTimeout } = options
  signal.throwIfAborted()
  const path = pathOf(options)
  return judge<NatResult>(
    signal,
    device,
    async () => {
      const found = await resolveFirst(place.host, { ...path, family, servers, timeout: nameTimeout, signal })
      const address = unmapped(found.address)
      const server = { address, port: place.port }
      return await discover({ path, family: familyOf(address), server, timeout, signal })
    },
    error => ({ ok: false, error }),
  )
}

async function discover(test: NatTest): Promise<NatFound> {
  const { path, family, server, timeout, signal } = test
  const localAddress = sourceAddress(server, path)
  const client = await StunClient.open(path, family)
  try {
    const first = await client.request({ to: server, timeout, signal })
    if (!first) throw noAnswer(test)
    const other = secondOf(test, first)
    const [mapping, filtering] = await allOf([
      testMapping(test, client, { ...first, other }),
      testFiltering(test, other),
    ])
    const local: Endpoint = { address: localAddress, port: client.port }
    return {
      ok: true,
      server: joinHostPort(server.address, server.port),
      localAddress,
      localPort: local.port,
      publicAddress: first.mapped.address,
      publicPort: first.mapped.port,
      translated: !sameEndpoint(local, first.mapped),
      mapping,
      filtering,
      rttMs: first.rttMs,
      error: undefined,
    }
  } finally {
    client.close()
  }
}

function noAnswer({ path: { device }, server: { address, port }, timeout }: NatTest): NetviaError {
  const where = joinHostPort(address, port) + (device === undefined ? '' : ` on device ${device}`)
  return new NetviaError(`STUN ETIMEDOUT: no answer within ${timeout} ms (${where})`, {
    ...{ code: 'ETIMEDOUT', syscall: 'STUN', address, port, device },
  })
}
