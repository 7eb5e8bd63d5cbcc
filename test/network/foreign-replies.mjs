// Sends unsolicited echo replies. Run by foreign-replies.test.ts. Arguments: address, number of replies.
import { openIcmp } from 'netvia'

const [address, count] = process.argv.slice(2)
await flood(openIcmp({ family: 4, kind: 'raw' }))

async function flood(socket) {
  for (let i = 0; i < Number(count); i++) {
    const message = { family: 4, kind: 'echo-reply', identifier: i, sequence: i, payload: new Uint8Array(56) }
    await socket.send(message, address)
  }
  socket.close()
}
