// Sends numbers by Multipath TCP to each client, 4 kB every 5 ms, until it ends. Argument: port.
import { listen } from 'netvia'

const server = await listen({ port: Number(process.argv[2]), multipath: true }, socket => {
  let next = 0
  const timer = setInterval(() => socket.write(Buffer.from(Uint32Array.from({ length: 1024 }, () => next++).buffer)), 5)
  socket.on('error', () => {})
  socket.on('close', () => clearInterval(timer))
  // The other paths join once bytes have gone both ways.
  socket.resume()
})
server.on('error', () => {})
console.log('ready')
