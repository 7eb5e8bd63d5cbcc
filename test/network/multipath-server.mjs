// Listens for Multipath TCP, or with "tcp" as the second argument for plain TCP only. It sends ascending 4-byte numbers: 4 KB every 5 ms
// after "stream", the same for half a second after "burst", and 4 KB once after any other message. After "sink" it only receives. After
// "subflows" it sends its view of the connection as one line.
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
