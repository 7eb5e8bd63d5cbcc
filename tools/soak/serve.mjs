// Echoes each TCP line, followed by the client's address. Argument: port.
import { createServer } from 'node:net'

const server = createServer(socket => {
  socket.on('error', () => {})
  socket.on('data', data => socket.write(`${String(data).trim()} ${socket.remoteAddress}\n`))
})
server.listen({ port: Number(process.argv[2]), host: '0.0.0.0', backlog: 4096 }, () => console.log('ready'))
