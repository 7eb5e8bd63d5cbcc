import { NetviaError } from '../errors.js'
import type { Client } from './client.js'
import type { NearDescriptor } from './near-descriptor.js'
import type { ProxyContext } from './proxy-context.js'
import { readMessage } from './read-message.js'
import { relay } from './relay.js'
import {
  chooseMethod,
  command,
  encodeReply,
  method,
  parseGreeting,
  parsePassword,
  parseRequest,
  passwordVerdict,
  reply,
  SocksError,
} from './socks-messages.js'
import { associate } from './udp-association.js'

/** Serves one client that speaks SOCKS5 (RFC 1928). */
export async function serveSocks(client: Client, context: ProxyContext): Promise<void> {
  const { near } = client
  try {
    if (!(await authenticate(near, context))) return
    const request = await readMessage(near, parseRequest)
    client.heard()
    near.awaitReset()
    if (request.command === command.connect) await connect(client, context, request.host, request.port)
    else if (request.command === command.udpAssociate && context.uplinks.carryDatagrams)
      await associate(client, context, request)
    else throw new SocksError('command not supported', reply.commandNotSupported)
  } catch (error) {
    const code = replyTo(error)
    if (code === undefined) near.destroy()
    else near.end(encodeReply(code))
  }
}

async function authenticate(near: NearDescriptor, { users, statistics }: ProxyContext): Promise<boolean> {
  const known = await readMessage(near, parseGreeting)
  const wanted = users ? method.password : method.none
  if (!known.includes(wanted)) {
    statistics.refused++
    near.end(chooseMethod(method.unacceptable))
    return false
  }
  near.write(chooseMethod(wanted))
  if (!users) return true
  const { name, password } = await readMessage(near, parsePassword)
  if (users.accepts(name, password)) {
    near.write(passwordVerdict(true))
    return true
  }
  statistics.refused++
  near.end(passwordVerdict(false))
  return false
}

async function connect(client: Client, context: ProxyContext, host: string, port: number): Promise<void> {
  if (port === 0) throw new SocksError('no port', reply.failure)
  const upstream = await context.uplinks.connect(client.address, host, port, client.signal)
  const { localAddress, localPort } = upstream.value
  relay(client, upstream, encodeReply(reply.succeeded, localAddress, localPort), context)
}

const replies: Record<string, number> = {
  ERR_PROXY_TARGET: reply.notAllowed,
  ENETUNREACH: reply.networkUnreachable,
  EHOSTUNREACH: reply.hostUnreachable,
  ENOTFOUND: reply.hostUnreachable,
  ENODATA: reply.hostUnreachable,
  ECONNREFUSED: reply.refused,
  ETIMEDOUT: reply.hostUnreachable,
}

/** Undefined: nothing that a reply could say. */
function replyTo(error: unknown): number | undefined {
  if (error instanceof SocksError) return error.reply
  return error instanceof NetviaError ? (replies[error.code] ?? reply.failure) : undefined
}
