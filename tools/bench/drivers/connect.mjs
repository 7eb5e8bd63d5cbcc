// Opens connections sequentially, and measures from the call to the established connection:
// connect.mjs <client> <connections> <address> <port> <device>
import { once } from 'node:events'
import { connect as plainConnect } from 'node:net'
import { stopwatch } from './common.mjs'

const [which, connectionsText, host, portText, device] = process.argv.slice(2)
const [connections, port] = [Number(connectionsText), Number(portText)]

const clients = {
  async netvia() {
    const { connect } = await import('netvia')
    return () => connect({ host, port, device })
  },
  async node() {
    return async () => {
      const socket = plainConnect({ host, port })
      await once(socket, 'connect')
      return socket
    }
  },
}

const connect = await clients[which]()
const times = []
const run = async count => {
  for (let i = 0; i < count; i++) {
    const start = performance.now()
    const socket = await connect()
    times.push((performance.now() - start) * 1000)
    socket.resetAndDestroy()
    await once(socket, 'close')
  }
}
await run(Math.ceil(connections / 4))
times.length = 0
const done = stopwatch()
await run(connections)
done({ items: connections, latencyUs: times.sort((a, b) => a - b)[connections >> 1] })
process.exit(0)
