// Exchanges numbers by Multipath TCP with the newest client: sends them after "down", takes them after "take". By a Unix socket,
// which no outage cuts, it answers each message with what came; "watch" begins to measure the silence. Arguments: port, path.
import { createServer } from 'node:net'
import { listen } from 'netvia'
import { readNumbers, sendNumbers } from './numbers.mjs'

const [port, path] = process.argv.slice(2)
let state

const server = await listen({ port: Number(port), multipath: true }, socket => {
  socket.on('error', () => {})
  socket.once('data', order => {
    if (String(order) === 'down') return sendNumbers(socket)
    state = readNumbers(socket)
    // The other paths join once bytes have gone both ways.
    socket.write('ready')
  })
})
server.on('error', () => {})

createServer(socket => {
  socket.on('error', () => {})
  socket.on('data', order => {
    if (String(order) === 'watch') state.watch()
    socket.write(JSON.stringify(state))
  })
}).listen(path, () => console.log('ready'))
