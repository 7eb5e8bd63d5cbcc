import { NetviaError } from '../errors.js'
import type { Client } from './client.js'
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
  const { socket } = client
  try {
    if (!(await authenticate(client, context))) return
    const request = await readMessage(socket, parseRequest)
    client.heard()
    if (request.command === command.connect) await connect(client, context, request.host, request.port)
    else if (request.command === command.udpAssociate && context.uplinks.carryDatagrams)
      await associate(client, context, request)
    else throw new SocksError('command not supported', reply.commandNotSupported)
  } catch (error) {
    const code = replyTo(error)
    if (code !== undefined && socket.writable) socket.end(encodeReply(code), () => socket.destroy())
    else socket.destroy()
  }
}

async function authenticate(client: Client, { users, statistics }: ProxyContext): Promise<boolean> {
  const { socket } = client
  const known = await readMessage(socket, parseGreeting)
  const wanted = users ? method.password : method.none
  const chosen = known.includes(wanted) ? wanted : method.unacceptable
  socket.write(chooseMethod(chosen))
  let accepted = chosen === method.none
  if (users && chosen === method.password) {
    const { name, password } = await readMessage(socket, parsePassword)
    accepted = users.accepts(name, password)
    socket.write(passwordVerdict(accepted))
  }
  if (!accepted) {
    statistics.refused++
    socket.end(() => socket.destroy())
  }
  return accepted
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
