// UDP echo with datagrams of 64 bytes, 64 in flight. udp.mjs <node|netvia> <address> <port> <count> [device]
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { stopwatch } from './common.mjs'

const [client, address, port, count, device] = process.argv.slice(2)

async function open() {
  if (client === 'netvia') {
    const { openUdp } = await import('netvia')
    return openUdp({ device, family: 4 })
  }
  const socket = createSocket('udp4')
  socket.bind(0)
  await once(socket, 'listening')
  return socket
}

const socket = await open()
socket.connect(Number(port), address)
await once(socket, 'connect')
const payload = Buffer.alloc(64)
const total = Number(count)
const done = stopwatch()
let [sent, received] = [0, 0]
const send = () => {
  if (sent >= total) return
  sent++
  socket.send(payload)
}
socket.on('message', () => {
  if (++received === total) finish()
  else send()
})
// Lost echoes are never sent again, so end when no more arrive.
const watchdog = setInterval(() => {
  if (watchdog.last === received) finish()
  watchdog.last = received
}, 500)
for (let i = 0; i < 64; i++) send()

function finish() {
  done({ items: received, lost: total - received })
  process.exit(0)
}
