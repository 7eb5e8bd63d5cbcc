// Sends one datagram and prints the answer: udp-client.ts [message] [host] [port] [device]
import { once } from 'node:events'
import { openUdp } from 'netvia'

const [message = 'hello', host = '127.0.0.1', port = '9999', device] = process.argv.slice(2)
const socket = await openUdp({ device })

socket.send(message, Number(port), host)
const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(2000) })
console.log(`Server: ${answer}`)
socket.close()
