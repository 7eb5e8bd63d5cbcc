// Sends ICMP errors about a packet from another namespace, each with different random changes to the quoted packet. See
// forged-errors.test.ts.
import { openIcmp } from '../../dist/index.js'

const { family, source, to, code, quote, changes, tries } = JSON.parse(process.argv[2])
const original = Buffer.from(quote, 'hex')
const socket = openIcmp({ family, kind: 'raw', localAddress: source })
let sent = 0
for (let i = 0; i < tries; i++) {
  for (const { at, length, cut } of changes) {
    const quoted = Buffer.from(original.subarray(0, cut))
    for (let byte = at; byte < at + length; byte++) quoted[byte] ^= Math.random() * 256
    // Make sure that the first byte really changes.
    if (length > 0 && quoted[at] === original[at]) quoted[at] ^= 1 + Math.random() * 255
    await socket.send({ family, kind: 'unreachable', code, quoted }, to)
    sent++
  }
}
socket.close()
console.log(sent)
