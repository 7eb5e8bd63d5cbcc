import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { type Answer, decode, encode, type Packet, type Question } from 'dns-packet'

export interface Asked {
  question: Question
  id: number
  via: 'udp' | 'tcp'
  edns: boolean
  port: number
}

type Flags = {
  rcode?: number
  truncated?: boolean
  id?: number
  questions?: Question[]
  recursion?: boolean
  /** Over TCP: sends this many bytes of the message, then closes the connection. */
  cutAfter?: number
}
export type Reply = ({ answers?: Answer[] } & Flags) | Uint8Array | undefined

/** A name server on loopback, over UDP and TCP on one port. The test supplies its answers. */
export async function fakeServer(reply: (asked: Asked) => Reply | Reply[] | Promise<Reply>, host = '127.0.0.1') {
  const asked: Asked[] = []
  let closed = false
  const answer = async (message: Buffer, via: 'udp' | 'tcp', port: number) => {
    const query = decoded(message)
    if (!query) return []
    const one = { question: query.questions![0]!, id: query.id!, via, edns: query.additionals!.length > 0, port }
    asked.push(one)
    const replies = [await reply(one)].flat().filter(item => item !== undefined)
    return replies.map(item => {
      if (item instanceof Uint8Array) return { message: Buffer.from(item), cutAfter: undefined }
      const {
        answers = [],
        rcode = 0,
        truncated = false,
        id = one.id,
        questions = [one.question],
        recursion = true,
        cutAfter,
      } = item
      const flags = 0x100 | (recursion ? 0x80 : 0) | (truncated ? 0x200 : 0) | rcode
      return { message: encode({ type: 'response', id, flags, questions, answers }), cutAfter }
    })
  }
  const tcp = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', async data => {
      for (const { message, cutAfter } of await answer(data.subarray(2), 'tcp', socket.remotePort!)) {
        const prefix = Buffer.alloc(2)
        prefix.writeUInt16BE(message.length)
        socket.write(prefix)
        socket.write(message.subarray(0, cutAfter))
        if (cutAfter !== undefined) socket.end()
      }
    })
  })
  await new Promise<void>(resolve => tcp.listen(0, host, resolve))
  const { port } = tcp.address() as { port: number }
  const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  udp.on('message', async (data, from) => {
    for (const { message } of await answer(data, 'udp', from.port))
      if (!closed) udp.send(message, from.port, from.address)
  })
  await new Promise<void>(resolve => udp.bind(port, host, resolve))
  return {
    asked,
    udp,
    server: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    close() {
      closed = true
      udp.close()
      tcp.close()
    },
  }
}

/** Other tests send packets to any port of loopback. */
function decoded(message: Buffer): Packet | undefined {
  try {
    return decode(message)
  } catch {
    return undefined
  }
}

export const a = (name: string, data: string, ttl = 60): Answer => ({ type: 'A', name, data, ttl, class: 'IN' })
export const aaaa = (name: string, data: string, ttl = 60): Answer => ({ type: 'AAAA', name, data, ttl, class: 'IN' })
export const cname = (name: string, data: string, ttl = 60): Answer => ({ type: 'CNAME', name, data, ttl, class: 'IN' })
