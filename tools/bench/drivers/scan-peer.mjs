// Port scans by npm packages and by plain net.connect.
// scan-peer.mjs <client> <address> <first> <last> <at once> <timeout ms>
import { connect } from 'node:net'
import { pool } from '../../pool.mjs'
import { peer, stopwatch } from './common.mjs'

const [client, address, ...numbers] = process.argv.slice(2)
const [first, last, atOnce, timeout] = numbers.map(Number)
const counts = { items: last - first + 1, open: 0, closed: 0, filtered: 0 }

function netConnect(port) {
  return new Promise(resolve => {
    const socket = connect({ host: address, port })
    const end = state => {
      counts[state]++
      socket.destroy()
      resolve()
    }
    socket.setTimeout(timeout, () => end('filtered'))
    socket.on('connect', () => end('open'))
    socket.on('error', () => end('closed'))
  })
}

const clients = {
  'net.connect': () => pool(counts.items, atOnce, index => netConnect(first + index)),
  portscanner: () => {
    const { checkPortStatus } = peer('portscanner')
    // portscanner reports ports that don't answer as closed.
    return pool(counts.items, atOnce, async index => {
      const state = await checkPortStatus(first + index, { host: address, timeout }).catch(() => 'closed')
      counts[state]++
    })
  },
  evilscan: () => {
    const Evilscan = peer('evilscan')
    const names = { open: 'open', 'closed (refused)': 'closed', 'closed (timeout)': 'filtered' }
    const options = { target: address, port: `${first}-${last}`, status: 'TRO', concurrency: atOnce, timeout }
    return new Promise((resolve, reject) => {
      const scan = new Evilscan(options)
      scan.on('result', ({ status }) => counts[names[status] ?? 'closed']++)
      scan.on('error', reject)
      scan.on('done', resolve)
      scan.run()
    })
  },
}

const done = stopwatch()
await clients[client]()
done(counts)
process.exit(0)
