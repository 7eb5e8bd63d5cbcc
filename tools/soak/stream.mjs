// Exchanges numbers over Multipath TCP with the newest client: after "down" it sends them, after any other first message it receives
// them. On a Unix socket, which no outage cuts, it answers each message with its statistics. "watch" restarts the measurement of
// silence. Arguments: port, path.
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
    // Other subflows can join only after data has been sent in both directions.
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
