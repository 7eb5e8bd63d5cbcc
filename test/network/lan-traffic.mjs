// Both ends of the traffic in routed-lan.test.ts.
// `server ADDRESS…` tells each client its source address over TCP and UDP, on port 7000.
// `client ADDRESS` opens a connection and sends a packet from one UDP socket every 10 ms. For each answer it reports when the connection
// or packet was started, and the source address that the server saw.
// `many ADDRESS COUNT` opens `COUNT` connections and counts their source addresses.
// `keep ADDRESS` reports what one connection receives, every 20 ms.
import dgram from 'node:dgram'
import net from 'node:net'
import { createInterface } from 'node:readline'

const [role, host, count] = process.argv.slice(2)
const port = 7000
const say = value => process.stdout.write(`${JSON.stringify(value)}\n`)

function ask(answered) {
  const socket = net.connect({ host, port })
  socket.once('data', data => {
    answered(data.toString().trim())
    // A reset leaves no port in TIME_WAIT, which later connections may need.
    socket.resetAndDestroy()
  })
  socket.on('error', () => {})
  setTimeout(() => socket.destroy(), 2000).unref()
  return socket
}

if (role === 'server') {
  net
    .createServer(socket => {
      // Undefined once the connection has been reset.
      const from = socket.remoteAddress?.replace(/^::ffff:/, '')
      socket.on('error', () => {})
      socket.on('data', () => socket.write(`${from}\n`))
    })
    .listen(port, '::', () => say('ready'))
  // Bind to each requested address, so that answers come from it.
  for (const own of process.argv.slice(3)) {
    const socket = dgram.createSocket(net.isIPv6(own) ? 'udp6' : 'udp4')
    socket.on('message', (data, { address, port }) => socket.send(`${data} ${address}`, port, address)).bind(port, own)
  }
} else if (role === 'client') {
  const udp = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4')
  udp.on('message', data => {
    const [begun, from] = data.toString().split(' ')
    say({ kind: 'udp', begun: Number(begun), from })
  })
  udp.on('error', () => {})
  setInterval(() => {
    const begun = Date.now()
    ask(from => say({ kind: 'tcp', begun, from })).write('?')
    udp.send(String(begun), port, host, () => {})
  }, 10)
} else if (role === 'many') {
  const seen = {}
  let left = Number(count)
  let open = 0
  const next = () => {
    while (open < 40 && left > 0) {
      open++
      left--
      ask(from => {
        seen[from] = (seen[from] ?? 0) + 1
      })
        .on('close', () => {
          open--
          if (left === 0 && open === 0) say(seen)
          else next()
        })
        .write('?')
    }
  }
  next()
} else if (role === 'keep') {
  const socket = net.connect({ host, port })
  createInterface(socket).on('line', say)
  socket.on('close', () => say('closed'))
  socket.on('error', () => {})
  setInterval(() => socket.write('?'), 20)
}
