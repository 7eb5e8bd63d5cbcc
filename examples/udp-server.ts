// A UDP server: acknowledges every datagram to its sender.
// PORT and DEVICE in the environment; default: port 9999 on every device.
import { joinHostPort, openUdp } from 'netvia'

const port = Number(process.env.PORT ?? 9999)
const socket = await openUdp({ port, device: process.env.DEVICE })
console.log(`UDP Server listening on :${port}`)

socket.on('message', (message, client) => {
  console.log(`Received from ${joinHostPort(client.address, client.port)}: ${message}`)
  socket.send(`ACK: ${message}`, client.port, client.address)
})
socket.on('error', error => console.log(`Read error: ${error.message}`))
