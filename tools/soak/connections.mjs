// Opens thousands of TCP connections at the same time, all bound to a device that isn't the default route. A second round shows what
// the first one left behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'netvia'
import { startServer } from '../lab/namespaces.mjs'
import { pool } from '../pool.mjs'
import { Account, descriptors, megabytes, Tally } from './account.mjs'

const { count, device, localAddress, host, server } = JSON.parse(process.argv[2])
const port = 7007
/** Concurrent connection attempts. */
const atOnce = 200

const account = await Account.open()
const stop = await startServer([...server, String(port)])
for (let round = 1; round <= 2; round++) {
  const tally = new Tally()
  const before = { memory: megabytes(), descriptors: descriptors() }
  const begun = performance.now()
  const sockets = []
  await pool(count, atOnce, async () => {
    sockets.push(await connect({ host, port, device, timeout: 60_000 }))
  })
  const seconds = (performance.now() - begun) / 1000
  await Promise.all(sockets.map(async (socket, index) => tally.add(await echo(socket, index), localAddress)))
  const [memory, open] = [megabytes() - before.memory, descriptors() - before.descriptors]
  // A reset leaves no socket in TIME_WAIT. With ten thousand of them, the kernel takes a millisecond to find a free port.
  for (const socket of sockets) socket.resetAndDestroy()
  await Promise.all(sockets.map(socket => once(socket, 'close')))
  console.log(
    `${open.toLocaleString('en')} descriptors open, ${(count / seconds).toFixed(0)} connections/s, ` +
      `${((memory * 1024) / count).toFixed(1)} KB each; answered from: ${tally}`,
  )
  assert.equal(open, count)
  assert.deepEqual(tally.wrong, {})
}
stop()
await account.settle(`${count.toLocaleString('en')} connections bound to ${device}, twice`, {})

/** Sends a number. Returns the source address that the server saw, if the number came back. */
async function echo(socket, index) {
  socket.write(`${index}\n`)
  const [data] = await once(socket, 'data')
  const [number, from] = String(data).trim().split(' ')
  return Number(number) === index ? from : `another number from ${from}`
}
