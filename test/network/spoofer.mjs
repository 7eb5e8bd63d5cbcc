// Floods an address with almost correct echo replies from another namespace. See ping-truth.test.ts.
import { openIcmp } from '../../dist/index.js'

const { family, victim, replies, tries } = JSON.parse(process.argv[2])
let sent = 0
for (const { source, message } of replies) {
  const socket = openIcmp({ family, kind: 'raw', localAddress: source })
  for (let i = 0; i < tries; i++) {
    const payload = Buffer.from(message.payload, 'hex')
    // Without a given cookie, each try guesses a new one.
    if (message.guess) payload.writeUInt32BE((Math.random() * 2 ** 32) >>> 0, 0)
    await socket.send({ family, kind: 'echo-reply', ...message, payload }, victim)
    sent++
  }
  socket.close()
}
console.log(sent)
