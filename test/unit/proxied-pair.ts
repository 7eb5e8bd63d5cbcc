import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { listenProxy, type Proxy as NetviaProxy, type ProxyOptions } from '../../src/index.js'
import { reportResets } from '../../src/sockets/report-resets.js'

export interface Pair {
  readonly proxy: NetviaProxy
  readonly client: Socket
  readonly target: Socket
}

/** Both ends of a tunnel through a proxy. The client sends `early` with its handshake, the target `first` when it accepts. */
export async function proxiedPair(options: ProxyOptions = {}, early = '', first = ''): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  await once(server, 'listening')
  const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'], ...options })
  const client = reportResets(connect({ port: proxy.address().port, host: '127.0.0.1', allowHalfOpen: true }))
  client.on('error', () => {})
  const { port } = server.address() as AddressInfo
  client.write(Buffer.concat([Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255), Buffer.from(early)]))
  const [target] = await accepted
  reportResets(target).on('error', () => {})
  onTestFinished(async () => {
    client.destroy()
    target.destroy()
    server.close()
    await proxy.close()
  })
  target.write(first)
  const answer = await readExactly(client, 12)
  if (answer[3] !== 0) throw new Error(`the proxy refuses: ${answer[3]}`)
  return { proxy, client, target }
}

async function readExactly(socket: Socket, length: number): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0)
  while (bytes.length < length) {
    const chunk: Buffer | null = socket.read()
    if (chunk) bytes = Buffer.concat([bytes, chunk])
    else if (socket.destroyed || socket.readableEnded) throw new Error(`closed after ${bytes.length} bytes`)
    else await Promise.race(['readable', 'end', 'close'].map(event => once(socket, event)))
  }
  if (bytes.length > length) socket.unshift(bytes.subarray(length))
  return bytes.subarray(0, length)
}

/** Reads a socket until its end. Returns the bytes, and whether it ended normally or by a reset. */
export async function received(socket: Socket): Promise<{ bytes: Buffer; end: 'end' | 'reset' }> {
  const chunks: Buffer[] = []
  const end = new Promise<'end' | 'reset'>(resolve => {
    socket.on('end', () => resolve('end')).on('error', () => resolve('reset'))
    if (socket.errored) resolve('reset')
  })
  socket.on('data', chunk => chunks.push(chunk))
  const how = await end
  return { bytes: Buffer.concat(chunks), end: how }
}
