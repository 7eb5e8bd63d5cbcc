// Listens for Multipath TCP, or with "tcp" as second argument for plain TCP alone. It sends numbers of 4 bytes that count up: after
// "stream" 4 kB every 5 ms without end, after anything else 4 kB once. "subflows": how it sees the connection, as a line.
import { listen, multipathInfo } from '../../dist/index.js'

const port = Number(process.argv[2])
const multipath = process.argv[3] !== 'tcp'

const server = await listen({ port, multipath }, socket => {
  let next = 0
  const send = () => socket.write(Buffer.from(Uint32Array.from({ length: 1024 }, () => next++).buffer))
  socket.on('error', () => {})
  socket.on('data', chunk => {
    const order = chunk.toString()
    if (order === 'subflows') return socket.write(`${JSON.stringify(multipathInfo(socket))}\n`)
    if (order !== 'stream') return send()
    const timer = setInterval(send, 5)
    socket.on('close', () => clearInterval(timer))
  })
})
server.on('error', () => {})
console.log('ready')
