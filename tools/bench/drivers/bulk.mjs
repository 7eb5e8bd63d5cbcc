// Reads a TCP stream. bulk.mjs <node|netvia> <address> <port> <megabytes> [device]
import { once } from 'node:events'
import { connect as nodeConnect } from 'node:net'
import { stopwatch } from './common.mjs'

const [client, host, port, megabytes, device] = process.argv.slice(2)

async function open() {
  if (client === 'netvia') {
    const { connect } = await import('netvia')
    return connect({ host, port: Number(port), device })
  }
  const socket = nodeConnect(Number(port), host)
  await once(socket, 'connect')
  return socket
}

const socket = await open()
let missing = Number(megabytes) * 2 ** 20
const done = stopwatch()
socket.on('data', chunk => {
  missing -= chunk.length
  if (missing > 0) return
  done({ items: Number(megabytes) })
  process.exit(0)
})
