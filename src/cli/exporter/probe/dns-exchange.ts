import { randomInt } from 'node:crypto'
import { type Answer, decode, encode, type Question, RECURSION_DESIRED } from 'dns-packet'
import { monotonicNow } from '../../../monotonic.js'
import { converse } from '../../../protocols/dns/exchange-tcp.js'
import { openUdp } from '../../../protocols/udp/open-udp.js'
import { type DnsModule, rcodes } from '../config/modules.js'
import { queryTypes } from '../dns-types.js'
import { openConnection, using } from './connection.js'
import { Failed, type Probe } from './probe.js'
import { secureConnection } from './tls.js'

export interface DnsAnswer {
  rcode: string
  answers: readonly Answer[]
  authorities: readonly Answer[]
  additionals: readonly Answer[]
  /** Time from sending the question until the answer. */
  requestMs: number
}

interface Server {
  /** The host as written in the target, for the certificate. */
  host: string
  address: string
  port: number
}

/** Sends one question of any type and class, and returns all sections of its answer. It never repeats the question. */
export async function exchangeDns(probe: Probe, module: DnsModule, server: Server): Promise<DnsAnswer> {
  const { query_name, query_type = 'ANY', query_class = 'IN', recursion_desired = true } = module
  const id = randomInt(0x1_0000)
  const name = query_name.replace(/\.$/, '') || '.'
  const question = { name, type: queryTypes.get(query_type), class: query_class } as Question
  const flags = recursion_desired ? RECURSION_DESIRED : 0
  const message = encode({ type: 'query', id, flags, questions: [question] })
  probe.log('Asking the name server', {
    ...server,
    name,
    type: query_type,
    transport: module.transport_protocol ?? 'udp',
  })
  const { bytes, requestMs } = await (module.transport_protocol === 'tcp' ? overTcp : overUdp)(
    probe,
    module,
    server,
    message,
  )
  try {
    const { answers = [], authorities = [], additionals = [] } = decode(Buffer.from(bytes))
    const code = (bytes[3] ?? 0) & 15
    return { rcode: rcodes[code] ?? `RCODE${code}`, answers, authorities, additionals, requestMs }
  } catch {
    throw new Failed('the answer is no DNS message')
  }
}

interface Reply {
  bytes: Uint8Array
  requestMs: number
}

async function overTcp(probe: Probe, module: DnsModule, server: Server, message: Uint8Array): Promise<Reply> {
  const { socket } = await openConnection(probe, server.address, server.port, module.source_ip_address)
  return using(socket, probe.signal, async () => {
    const secure = module.dns_over_tls && (await secureConnection(socket, server.host, module.tls_config, probe)).secure
    const start = monotonicNow()
    const bytes = await converse(secure || socket, message, probe.signal)
    if (!answers(bytes, message)) throw new Failed('the answer is to another question')
    return { bytes, requestMs: monotonicNow() - start }
  })
}

/** A message from another address, or with another id, is no answer: the wait continues. So it does after an ICMP error. */
async function overUdp(probe: Probe, module: DnsModule, server: Server, message: Uint8Array): Promise<Reply> {
  const { path, signal, log } = probe
  const localAddress = module.source_ip_address ?? path.localAddress
  const family = server.address.includes(':') ? 6 : 4
  const socket = await openUdp({ ...path, localAddress, family, signal })
  let onAbort = () => {}
  try {
    return await new Promise<Reply>((resolve, reject) => {
      onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort)
      let start = 0
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.syscall !== 'recvmsg') return reject(error)
        log('An ICMP error came, which anybody can forge', { error: error.code })
      })
      socket.on('message', bytes => {
        if (answers(bytes, message)) resolve({ bytes, requestMs: monotonicNow() - start })
      })
      socket.connect(server.port, server.address, (error?: Error) => {
        if (error) return reject(error)
        start = monotonicNow()
        socket.send(message, error => error && reject(error))
      })
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.close()
  }
}

/** It has the same id and is a response. */
function answers(bytes: Uint8Array, message: Uint8Array): boolean {
  return bytes.length >= 12 && bytes[0] === message[0] && bytes[1] === message[1] && (bytes[2]! & 0x80) !== 0
}
