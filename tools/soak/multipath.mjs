// A download over two devices by Multipath TCP, whose uplinks are cut silently again and again: none may end it, and no byte may be
// lost. The silence after each cut is measured, with two active devices and with an active one and a backup.
import assert from 'node:assert/strict'
import { execSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, multipathInfo } from 'netvia'
import { startServer } from '../lab/namespaces.mjs'
import { Account } from './account.mjs'

const { cuts, hosts, server, outages, limits } = JSON.parse(process.argv[2])
const port = 7008
/** After a cut so many bytes must come. */
const enough = 200_000
const mostMs = 20_000

const account = await Account.open()
const stop = await startServer([...server, String(port)])
for (const [kind, backup] of [
  ['active', false],
  ['backup', true],
]) {
  const silences = []
  let bytes = 0
  for (const host of hosts) {
    const socket = await connect({ host, port, multipath: ['wan1', { device: 'wan2', backup }], timeout: 10_000 })
    const state = read(socket)
    socket.write('go')
    await until(() => received(socket).length === 2 && state.received > enough)
    for (let i = 0; i < cuts / hosts.length; i++) {
      // The one that carries data now: the kernel sends a slow stream by one of them alone.
      const device = await busiest(socket)
      state.watch()
      execSync(outages[device].cut)
      const before = state.received
      await until(() => state.received - before > enough)
      silences.push(state.silenceMs)
      execSync(outages[device].mend)
      const mended = performance.now()
      // What was under way there comes again.
      await until(() => received(socket).some(one => one.device === device && one.ms < performance.now() - mended))
    }
    assert.equal(state.wrong, 0)
    bytes += state.received
    socket.destroy()
  }
  silences.sort((a, b) => a - b)
  const at = share => silences[Math.min(silences.length - 1, Math.floor(share * silences.length))].toFixed(0)
  console.log(
    `${kind}: ${silences.length} of ${cuts} cuts survived, ${bytes.toLocaleString('en')} bytes, none lost; ` +
      `silence: median ${at(0.5)} ms, 95th percentile ${at(0.95)} ms, most ${at(1)} ms; ` +
      `${silences.filter(ms => ms <= limits[kind]).length} of them at most ${limits[kind]} ms`,
  )
}
stop()
await account.settle(`${2 * cuts} cuts`, {})

/** Checks each number that comes, and measures the longest silence. */
function read(socket) {
  let rest = Buffer.alloc(0)
  let next = 0
  let last = 0
  const state = {
    received: 0,
    wrong: 0,
    silenceMs: 0,
    watch() {
      state.silenceMs = 0
      last = performance.now()
    },
  }
  socket.on('data', chunk => {
    const now = performance.now()
    state.silenceMs = Math.max(state.silenceMs, now - last)
    last = now
    state.received += chunk.length
    const bytes = Buffer.concat([rest, chunk])
    let at = 0
    for (; at + 4 <= bytes.length; at += 4) if (bytes.readUInt32LE(at) !== next++) state.wrong++
    rest = bytes.subarray(at)
  })
  return state
}

/** The paths that are established, how long ago data came by each, and how much so far. */
function received(socket) {
  const open = multipathInfo(socket).subflows.filter(({ tcp }) => tcp.state === 'established')
  return open.map(({ device, tcp }) => ({ device, ms: tcp.lastReceivedMs, bytes: tcp.bytesReceived }))
}

/** What came by one path just now may be a retransmission after the last cut. */
async function busiest(socket) {
  const before = received(socket)
  await sleep(200)
  const grown = received(socket).map(({ device, bytes }, i) => ({ device, bytes: bytes - before[i].bytes }))
  return grown.sort((a, b) => b.bytes - a.bytes)[0].device
}

async function until(condition) {
  const begun = performance.now()
  while (!condition()) {
    assert.ok(performance.now() - begun < mostMs, 'the connection does not go on')
    await sleep(20)
  }
}
