// Servers in another namespace that stop answering at a given point, and print when a client has reached it. See
// device-vanishes.test.ts.
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'

const [folder, address] = process.argv.slice(2)
const tls = { key: readFileSync(`${folder}/server.key`), cert: readFileSync(`${folder}/server.pem`) }
const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'
const chunk = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'

/** Answers with `text`, then never again. */
const after = text => socket => {
  socket.on('error', () => {})
  socket.once('data', () => {
    if (text) socket.write(text)
    console.log(`reached ${socket.localPort}`)
    socket.resume()
  })
}
const redirect = socket =>
  socket
    .on('error', () => {})
    .on('data', data => {
      const [, host] = /host: ([^:\r]*)/i.exec(data)
      socket.end(`HTTP/1.1 302 Found\r\nLocation: http://${host}:8001/\r\nContent-Length: 0\r\n\r\n`)
    })

const servers = {
  8001: createServer(after('')),
  8002: createServer(after(half)),
  8003: createServer(after(chunk)),
  8004: createServer(redirect),
  8443: createSecureServer(tls, after('')),
  8444: createSecureServer(tls, after(half)),
  8005: createServer(socket => {
    socket.on('error', () => {}).resume()
    console.log('reached 8005')
  }),
  5353: createServer(after('')),
}
await Promise.all(Object.entries(servers).map(([port, server]) => new Promise(done => server.listen(+port, done))))
const dns = createSocket('udp4')
dns.on('message', (message, { port, address }) => {
  message[2] = 0x82
  message[3] = 0
  dns.send(message, port, address)
})
dns.bind(5353, address, () => console.log('ready'))
