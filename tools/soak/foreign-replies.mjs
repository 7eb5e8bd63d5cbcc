// Floods an address with unsolicited ICMP echo replies until it is killed. Arguments: address, replies per second.
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { icmp } from 'netvia'

// Uses the addon directly, because the public API's promise for each packet is too slow.
const addon = createRequire(import.meta.url)('node-gyp-build')(fileURLToPath(new URL('../..', import.meta.url)))
const [address, rate] = process.argv.slice(2)
const { EINVAL } = constants.errno
const AF_INET = 2
const IPPROTO_ICMP = 1
const together = 64
const fields = addon.constants.SEND_FIELDS
const addressLength = 16

const messages = Array.from({ length: together }, (_, i) =>
  icmp.encode({ family: 4, kind: 'echo-reply', identifier: 1000 + i, sequence: i, payload: new Uint8Array(56) }),
)
const size = messages[0].length
const data = new Uint8Array(together * size + addressLength)
const target = together * size
data.set([...new Uint8Array(Uint16Array.of(AF_INET).buffer), 0, 0, ...address.split('.').map(Number)], target)
const table = new Int32Array(fields * together)
for (const [i, message] of messages.entries()) {
  data.set(message, i * size)
  table.set([i * size, size, target, addressLength, -1], fields * i)
}

const fd = addon.socket(AF_INET, addon.constants.SOCK_RAW, IPPROTO_ICMP)
if (fd < 0) throw new Error(`socket: errno ${-fd}`)
let sent = 0
const begun = performance.now()
setInterval(() => {
  const due = ((performance.now() - begun) / 1000) * rate
  // The next tick catches up on packets that the kernel has no room for now.
  while (sent + together <= due) {
    const count = addon.send(fd, data, table, together, 0)
    if (count === -EINVAL) throw new Error('the addon rejected the table')
    if (count <= 0) break
    sent += count
  }
}, 2)
console.log('ready')
