// Listens for Multipath TCP, or with "tcp" as second argument for plain TCP alone. It sends numbers of 4 bytes that count up: after
// "stream" 4 kB every 5 ms without end, after "burst" for half a second, after anything else 4 kB once. "sink": takes what comes.
// "subflows": how it sees the connection, as a line.
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
    if (order === 'sink') return socket.removeAllListeners('data').resume()
    if (order !== 'stream' && order !== 'burst') return send()
    const timer = setInterval(send, 5)
    if (order === 'burst') setTimeout(() => clearInterval(timer), 500)
    socket.on('close', () => clearInterval(timer))
  })
})
server.on('error', () => {})
console.log('ready')
