// Answers each line over TCP with that line and the address it came from. Argument: port.
import { createServer } from 'node:net'

const server = createServer(socket => {
  socket.on('error', () => {})
  socket.on('data', data => socket.write(`${String(data).trim()} ${socket.remoteAddress}\n`))
})
server.listen({ port: Number(process.argv[2]), host: '0.0.0.0', backlog: 4096 }, () => console.log('ready'))
