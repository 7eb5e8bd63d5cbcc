// A name server for dns-shared-sockets.test.ts, in another namespace. It answers `<number>.<milliseconds>.<kind>.test` after that time with
// the address 10.<number>.<the client's port in two bytes>. Before that it sends forged answers with the address 203.0.113.66. `kind` says
// which.
import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { decode, encode } from 'dns-packet'

const { address, otherAddress, port } = JSON.parse(process.argv[2])
const [server, otherPort, other] = await Promise.all([open(address, port), open(address, 0), open(otherAddress, port)])

async function open(host, port) {
  const socket = createSocket('udp4')
  await new Promise(resolve => socket.bind(port, host, resolve))
  return socket
}

/** The last query id from each client port. */
const ids = new Map()

server.on('message', async (message, from) => {
  const { id, questions } = decode(message)
  const [{ name }] = questions
  const [number, delay, kind] = name.split('.')
  const say = (socket, id, data, question = questions[0]) => {
    const answers = [{ type: 'A', name: question.name, ttl: 60, class: 'IN', data }]
    const bytes = encode({ type: 'response', id, flags: 0x180, questions: [question], answers })
    socket.send(bytes, from.port, from.address)
  }
  const lie = '203.0.113.66'
  const before = ids.get(from.port)
  ids.set(from.port, id)
  if (kind === 'wrong-id') say(server, id ^ 1, lie)
  if (kind === 'swapped' && before !== undefined) say(server, before, lie)
  if (kind === 'other-question') say(server, id, lie, { ...questions[0], name: `x${name}` })
  if (kind === 'other-port') say(otherPort, id, lie)
  if (kind === 'other-address') say(other, id, lie)
  await sleep(Number(delay))
  say(server, id, `10.${number}.${from.port >> 8}.${from.port & 255}`)
})
console.log('ready')
