// A name server in another namespace that answers "no such record" after a delay. With `unreachable`, it sends ICMP errors of that code
// before. See dns-faults.test.ts.
import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { openIcmp } from '../../dist/index.js'

const { address, port, delay, unreachable } = JSON.parse(process.argv[2])
const icmp = openIcmp({ family: 4, kind: 'raw', localAddress: address })
const server = createSocket('udp4')

/** The header of the packet with the question, as an ICMP error quotes it (RFC 792). */
function headOf({ address: source, port: sourcePort, size }) {
  const head = Buffer.alloc(28)
  head.writeUInt16BE(0x4500)
  head.writeUInt16BE(28 + size, 2)
  head.writeUInt16BE(0x4011, 8)
  head.set(source.split('.'), 12)
  head.set(address.split('.'), 16)
  head.writeUInt16BE(sourcePort, 20)
  head.writeUInt16BE(port, 22)
  head.writeUInt16BE(8 + size, 24)
  return head
}

server.on('message', async (message, from) => {
  if (unreachable) {
    await icmp.send({ family: 4, kind: 'unreachable', code: unreachable, quoted: headOf(from) }, from.address)
  }
  await sleep(delay)
  message.writeUInt16BE(0x8180, 2)
  server.send(message, from.port, from.address)
})
server.bind(port, address, () => console.log('ready'))
