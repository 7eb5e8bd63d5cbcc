// A TCP server: answers many clients at the same time, line by line.
// PORT and DEVICE in the environment; default: port 8080 on every device.
import { joinHostPort, listen } from 'netvia'

const port = Number(process.env.PORT ?? 8080)

await listen({ port, device: process.env.DEVICE }, connection => {
  const client = joinHostPort(connection.remoteAddress ?? '', connection.remotePort ?? 0)
  console.log(`Client connected: ${client}`)

  let unread = ''
  connection.setEncoding('utf8')
  connection.on('data', (data: string) => {
    const lines = (unread + data).split('\n')
    unread = lines.pop() ?? ''
    for (const message of lines) {
      console.log(`Received from ${client}: ${message}`)
      connection.write(`Echo: ${message}\n`)
    }
  })
  connection.on('error', () => {}) // a client that vanishes: 'close' follows
  connection.on('close', () => console.log(`Client ${client} disconnected`))
})

console.log(`Server listening on :${port}`)
