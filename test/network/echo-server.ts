import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type Host, lab } from '../lab/index.js'

const program = `
  const server = require('node:net').createServer(socket => {
    socket.on('error', () => {})
    socket.write(socket.remoteAddress + '\\n')
    socket.pipe(socket)
  })
  server.listen(+process.argv[1], '::', () => {
    const udp = require('node:dgram').createSocket({ type: 'udp6', ipv6Only: false })
    udp.on('message', (message, from) => udp.send(message, from.port, from.address))
    udp.bind(+process.argv[1], () => console.log('ready'))
  })`

/** Echo over TCP (after a line with the client's address) and UDP, for IPv4 and IPv6. The end of the test file kills it. */
export async function echoServer(port: number, host: Host = 'internet'): Promise<ChildProcess> {
  const child = lab.spawn(host, process.execPath, '-e', program, String(port))
  await once(child.stdout!, 'data')
  return child
}
