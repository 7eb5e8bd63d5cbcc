import { NetviaError } from '../errors.js'
import { isRefusedByNameServer } from '../group/race.js'
import type { Client } from './client.js'
import { clientOf } from './limits.js'
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
import type { Users } from './users.js'

/** Serves one client that speaks SOCKS5 (RFC 1928). */
export async function serveSocks(client: Client, context: ProxyContext): Promise<void> {
  const { near } = client
  try {
    const greeting = readMessage(near, parseGreeting)
    // Nearly every greeting is already there, and an await would cost as much as a system call.
    if (!chooseFrom(greeting instanceof Promise ? await greeting : greeting, client, context)) return
    if (context.users && !(await logIn(client, context.users, context))) return
    const request = await readMessage(near, parseRequest)
    client.heard()
    near.awaitReset()
    if (request.command === command.connect) {
      if (request.port === 0) throw new SocksError('no port', reply.failure)
      const upstream = await context.uplinks.connect(client.address, request.host, request.port, client.signal)
      const { localAddress, localPort } = upstream.value
      relay(client, upstream, encodeReply(reply.succeeded, localAddress, localPort), context)
    } else if (request.command === command.udpAssociate && context.uplinks.carryDatagrams)
      await associate(client, context, request)
    else throw new SocksError('command not supported', reply.commandNotSupported)
  } catch (error) {
    const code = replyTo(error)
    if (code === undefined) near.destroy()
    else client.refuse(encodeReply(code))
  }
}

/** Ends the connection and returns false if the client doesn't offer the wanted method. */
function chooseFrom(known: Buffer, client: Client, { users, statistics }: ProxyContext): boolean {
  const wanted = users ? method.password : method.none
  if (known.includes(wanted)) {
    client.near.write(chooseMethod(wanted))
    return true
  }
  statistics.refused++
  client.refuse(chooseMethod(method.unacceptable))
  return false
}

async function logIn(client: Client, users: Users, { statistics }: ProxyContext): Promise<boolean> {
  const { near, address } = client
  const { name, password } = await readMessage(near, parsePassword)
  if (users.accepts(clientOf(address), name, password)) {
    near.write(passwordVerdict(true))
    return true
  }
  statistics.refused++
  client.refuse(passwordVerdict(false))
  return false
}

const replies: Record<string, number> = {
  ERR_PROXY_TARGET: reply.notAllowed,
  ERR_OFF_PATH: reply.notAllowed,
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
  if (!(error instanceof NetviaError)) return undefined
  return isRefusedByNameServer(error) ? reply.hostUnreachable : (replies[error.code] ?? reply.failure)
}
