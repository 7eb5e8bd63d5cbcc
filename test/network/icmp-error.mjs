// Sends one given ICMP message from another namespace. See traceroute.test.ts.
import { openIcmp } from '../../dist/index.js'

const { family, source, to, type, body } = JSON.parse(process.argv[2])
const socket = openIcmp({ family, kind: 'raw', localAddress: source })
await socket.send({ family, kind: 'other', type, code: 0, body: Buffer.from(body, 'hex') }, to)
socket.close()
