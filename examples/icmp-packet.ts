// Ping, message by message: builds an echo request and prints what comes back until its reply is there.
// icmp-packet.ts [address]; DEVICE in the environment.
import { on } from 'node:events'
import { icmp, openIcmp } from 'netvia'

const [address = '127.0.0.1'] = process.argv.slice(2)
const socket = openIcmp({ family: 4, device: process.env.DEVICE })

const request = {
  family: 4,
  kind: 'echo-request',
  identifier: process.pid & 0xffff,
  sequence: 1,
  payload: Buffer.from('HELLO'),
} as const
console.log(`Sent to ${address}: ${Buffer.from(icmp.encode(request)).toString('hex')}`)

try {
  const messages = on(socket, 'message', { signal: AbortSignal.timeout(2000) })
  await socket.send(request, address)
  for await (const [message, from] of messages) {
    // A raw socket also receives the replies to other programs. The payload distinguishes them on any kind of socket.
    if (message.kind === 'echo-reply' && !request.payload.equals(message.payload)) continue
    console.log(`Received from ${from.address}: ${message.reason ?? message.kind}, ttl=${from.ttl}`)
    if (message.kind !== 'echo-request') break
  }
} catch (error) {
  console.log(`FAILED (${(error as Error).message})`)
}
socket.close()
