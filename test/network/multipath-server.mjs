// Listens for Multipath TCP. It answers each chunk that it gets with the bytes of a pattern, until the connection ends: as many as
// it is asked for ("64k"), or without end, a little every 5 ms ("stream"). "subflows": how many it has, as a line.
import { listen, multipathInfo } from '../../dist/index.js'
import { pattern } from './multipath-pattern.mjs'

const port = Number(process.argv[2])
const multipath = process.argv[3] !== 'tcp'

const server = await listen({ port, multipath }, socket => {
  let sent = 0
  const send = bytes => {
    socket.write(pattern(sent, bytes))
    sent += bytes
  }
  socket.on('error', () => {})
  socket.on('data', chunk => {
    const order = chunk.toString().trim()
    if (order === 'stream') {
      const timer = setInterval(() => send(4096), 5)
      socket.on('close', () => clearInterval(timer))
    } else if (order === 'subflows') {
      const { fallback, subflows } = multipathInfo(socket)
      socket.write(`${JSON.stringify({ fallback, subflows })}\n`)
    } else send(Number.parseInt(order, 10) * 1024)
  })
})
server.on('error', () => {})
console.log('ready')
