// Forwards whole frames between the devices "near" and "far" of its namespace, with configurable delay, jitter, loss,
// duplication and reordering. It replaces netem, which not every kernel has. test/lab/relay.ts describes the settings.
import { endianness } from 'node:os'
import { fileURLToPath } from 'node:url'
import nodeGypBuild from 'node-gyp-build'

const native = nodeGypBuild(fileURLToPath(new URL('../..', import.meta.url)))
const { AF_PACKET, SOCK_RAW, ETH_P_ALL, EPOLLIN } = native.constants
const littleEndian = endianness() === 'LE'

const fields = native.constants.RECEIVE_FIELDS
const slotHeader = 2 * native.constants.ADDRESS_ROOM
const slots = 16
// Segmentation offload makes frames of up to 64 KB. A struct virtio_net_hdr precedes each.
const slotSize = slotHeader + 10 + 14 + 65_536
const memory = new Uint8Array(slots * slotSize)
const table = new Int32Array(slots * fields)

const settings = { out: {}, back: {} }
/** Waiting frames, ordered by the time at which they are due. */
const queue = []
/** When the last frame that kept its place is due, for each direction. Jitter alone must not reorder frames. */
const lastDue = { out: 0, back: 0 }
let timer
let look

function check(result, what) {
  if (result < 0) throw new Error(`relay: ${what} failed with ${result}`)
  return result
}

function open(device) {
  const fd = check(native.socket(AF_PACKET, SOCK_RAW, 0), 'socket')
  const set = (option, value) => {
    const bytes = new Uint8Array(new Int32Array([value]).buffer)
    check(native.setOption(fd, ...native.options[option], bytes), option)
  }
  // Forward frames unchanged, even if a device is still to compute their checksums or to segment them.
  set('PACKET_VNET_HDR', 1)
  set('PACKET_IGNORE_OUTGOING', 1)
  set('SO_TIMESTAMPNS', 1)
  set('SO_RCVBUFFORCE', 16 << 20)
  set('SO_SNDBUFFORCE', 16 << 20)
  const address = new DataView(new ArrayBuffer(20)) // struct sockaddr_ll, packet(7)
  address.setUint16(0, AF_PACKET, littleEndian)
  address.setUint16(2, ETH_P_ALL)
  address.setInt32(4, check(native.deviceIndex(device), device), littleEndian)
  check(native.bind(fd, new Uint8Array(address.buffer)), 'bind')
  return fd
}

const clock = new Int32Array(4)

/** CLOCK_REALTIME in ms: the clock of the kernel's receive timestamps. */
function now() {
  native.clocks(clock)
  return (clock[0] >>> 0) * 1000 + clock[1] / 1e6
}

function drain(from, to, direction) {
  for (let count = slots; count === slots; ) {
    count = native.receive(from, memory, table, 0)
    for (let i = 0; i < count; i++) {
      const row = i * fields
      const start = i * slotSize + slotHeader
      const arrived = (table[row + 4] >>> 0) * 1000 + table[row + 5] / 1e6
      take(memory.slice(start, start + table[row]), arrived, to, direction)
    }
  }
}

function take(frame, arrived, to, direction) {
  const {
    delayMs = 0,
    byteMs = 0,
    jitterMs = 0,
    loss = 0,
    duplicate = 0,
    reorder = 0,
    heldMs = 50,
  } = settings[direction]
  if (Math.random() < loss) return
  let due = arrived + delayMs + frame.length * byteMs + Math.random() * jitterMs
  if (Math.random() < reorder) due += heldMs
  else lastDue[direction] = due = Math.max(due, lastDue[direction])
  const copies = Math.random() < duplicate ? 2 : 1
  for (let i = 0; i < copies; i++) insert({ frame, due, to })
}

function insert(entry) {
  let at = queue.length
  while (at > 0 && queue[at - 1].due > entry.due) at--
  queue.splice(at, 0, entry)
}

const sendRow = new Int32Array(native.constants.SEND_FIELDS)
sendRow[4] = -1

function work() {
  clearTimeout(timer)
  clearImmediate(look)
  while (queue.length > 0 && queue[0].due <= now()) {
    const { frame, to } = queue.shift()
    sendRow[1] = frame.length
    const sent = native.send(to, frame, sendRow, 1, 0)
    if (sent < 0) console.error(`relay: sending a frame of ${frame.length} bytes failed with ${sent}`)
  }
  if (queue.length === 0) return
  const wait = queue[0].due - now()
  // Timers have a resolution of 1 ms, so the last 2 ms are spent polling the clock.
  if (wait > 2) timer = setTimeout(work, wait - 2)
  else look = setImmediate(work)
}

const near = open('near')
const far = open('far')
const sockets = { 1: [near, far, 'out'], 2: [far, near, 'back'] }
const pairs = new Int32Array(128)
const ready = count => {
  for (let i = 0; i < count; i++) {
    const token = pairs[2 * i]
    drain(...sockets[token])
    native.watch(sockets[token][0], token, EPOLLIN)
  }
  work()
}
check(native.onReady(ready, pairs), 'epoll_create')
for (const [token, [fd]] of Object.entries(sockets)) check(native.watch(fd, Number(token), EPOLLIN), 'epoll_ctl')
native.keepAlive(true)

function set({ direction = 'both', ...wanted }) {
  for (const each of direction === 'both' ? ['out', 'back'] : [direction]) settings[each] = wanted
}

set(JSON.parse(process.argv[2] ?? '{}'))
process.on('message', message => {
  set(message)
  process.send('done')
})
// End with the parent process.
process.on('disconnect', () => process.exit())
if (process.send) process.send('done')
else console.log('ready: Ctrl-C ends the relay. It takes one argument, JSON such as \'{"delayMs":10,"loss":0.1}\'')
