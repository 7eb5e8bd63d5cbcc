// The name servers for tools/bench/dns/run.mjs, each on its own address. Prints "ready" once all listen.
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { decode, encode } from 'dns-packet'
import { faults } from './faults.mjs'

/** The correct response: an address for A queries, and no records for other types. */
function answerTo({ id, questions: [question] }, more = {}) {
  const answers = question.type === 'A' ? [{ type: 'A', name: question.name, ttl: 60, data: '192.0.2.1' }] : []
  return encode({ type: 'response', id, flags: 0x180, questions: [question], answers, ...more })
}

const header = ({ id }, rcode) => Buffer.from([id >> 8, id & 255, 0x81, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0])

const seen = new Set()
const behaviours = {
  good: query => answerTo(query),
  silent: () => undefined,
  lossy(query) {
    const { name, type } = query.questions[0]
    const first = !seen.has(`${name} ${type}`)
    seen.add(`${name} ${type}`)
    return first ? undefined : answerTo(query)
  },
  slow: async query => {
    await sleep(1500)
    return answerTo(query)
  },
  refuse: (query, rcode) => answerTo(query, { flags: 0x180 | rcode, answers: [] }),
  header,
  dropsEdns: query => (query.additionals.length > 0 ? undefined : answerTo(query)),
  formerrEdns: query => (query.additionals.length > 0 ? header(query, 1) : answerTo(query)),
  misplaces(query) {
    if (query.additionals.length === 0) return answerTo(query)
    const { answers } = decode(answerTo(query))
    return answerTo(query, { answers: [], authorities: answers })
  },
  dropsAaaa: query => (query.questions[0].type === 'AAAA' ? undefined : answerTo(query)),
  cutsOff: (query, _detail, overTcp) => (overTcp ? answerTo(query) : answerTo(query, { flags: 0x380, answers: [] })),
}

async function serve(address, [behaviour, detail]) {
  const reply = async (message, overTcp) => behaviours[behaviour](decode(message), detail, overTcp)
  const tcp = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', async data => {
      // The C library sends its A and AAAA queries in one segment.
      for (let at = 0; at < data.length; at += 2 + data.readUInt16BE(at)) {
        const response = await reply(data.subarray(at + 2, at + 2 + data.readUInt16BE(at)), true)
        if (response)
          socket.write(Buffer.concat([Buffer.from([response.length >> 8, response.length & 255]), response]))
      }
    })
  })
  await new Promise(done => tcp.listen(53, address, done))
  const udp = createSocket('udp4')
  udp.on('message', async (message, from) => {
    const response = await reply(message, false)
    if (response) udp.send(response, from.port, from.address)
  })
  await new Promise(done => udp.bind(53, address, done))
}

for (const { servers } of faults) {
  for (const { address, behaviour } of servers) if (behaviour) await serve(address, behaviour)
}
console.log('ready')
