// Streams over two devices by Multipath TCP while the uplinks are cut silently in turn. No cut may end the stream or lose a byte. The
// receiver measures the silence after each cut: for downloads with two active devices, and in both directions with an active device
// and a backup.
import assert from 'node:assert/strict'
import { execSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, multipathInfo } from 'netvia'
import { startServer } from '../lab/namespaces.mjs'
import { Account } from './account.mjs'
import { readNumbers, sendNumbers } from './numbers.mjs'

const { cuts, hosts, server, outages, limits } = JSON.parse(process.argv[2])
const port = 7008
/** The number of bytes that must arrive after a cut. */
const enough = 200_000
const mostMs = 20_000

const account = await Account.open()
const controlPath = join(tmpdir(), `netvia-soak-${process.pid}`)
process.on('exit', () => rmSync(controlPath, { force: true }))
const stop = await startServer([...server, String(port), controlPath])
for (const [kind, backup, open] of [
  ['active', false, download],
  ['backup', true, download],
  ['backup, upload', true, upload],
]) {
  const silences = []
  let bytes = 0
  for (const host of hosts) {
    const socket = await connect({ host, port, multipath: ['wan1', { device: 'wan2', backup }], timeout: 10_000 })
    const { watch, read, close } = await open(socket)
    const beyond = received => until(async () => (await read()).received > received)
    await beyond(enough)
    await until(() => carried(socket).length === 2)
    for (let i = 0; i < cuts / hosts.length; i++) {
      // Cut the device that carries data now. The kernel sends a slow stream over only one device.
      const device = await busiest(socket)
      await watch()
      execSync(outages[device].cut)
      await beyond((await read()).received + enough)
      silences.push((await read()).silenceMs)
      execSync(outages[device].mend)
      // Wait until the device carries data again, and a backup carries none.
      await until(async () => {
        const used = (await grown(socket)).filter(one => one.bytes > 0).map(one => one.device)
        return used.includes(device) && !(backup && used.includes('wan2'))
      })
    }
    const { received, wrong } = await read()
    assert.equal(wrong, 0)
    bytes += received
    close()
    socket.destroy()
  }
  silences.sort((a, b) => a - b)
  const at = share => silences[Math.min(silences.length - 1, Math.floor(share * silences.length))].toFixed(0)
  const limit = limits[backup ? 'backup' : 'active']
  console.log(
    `${kind}: ${silences.length} of ${cuts} cuts survived, ${bytes.toLocaleString('en')} bytes, none lost; ` +
      `silence: median ${at(0.5)} ms, 95th percentile ${at(0.95)} ms, maximum ${at(1)} ms; ` +
      `${silences.filter(ms => ms <= limit).length} of them at most ${limit} ms`,
  )
}
stop()
await account.settle(`${3 * cuts} cuts`, {})

function download(socket) {
  const state = readNumbers(socket)
  socket.write('down')
  return { watch: state.watch, read: () => state, close: () => {} }
}

async function upload(socket) {
  socket.write('take')
  await once(socket, 'data')
  const control = createConnection(controlPath)
  const ask = async order => {
    control.write(order)
    return JSON.parse((await once(control, 'data'))[0])
  }
  sendNumbers(socket)
  return { watch: () => ask('watch'), read: () => ask('read'), close: () => control.destroy() }
}

/** The established subflows, and the bytes that each has carried. */
function carried(socket) {
  return multipathInfo(socket)
    .subflows.filter(({ tcp }) => tcp.state === 'established')
    .map(({ device, localPort, tcp }) => ({ device, localPort, bytes: tcp.bytesReceived + tcp.bytesAcknowledged }))
}

/** The bytes that each subflow carries within 200 ms. */
async function grown(socket) {
  const before = carried(socket)
  await sleep(200)
  return carried(socket).map(({ device, localPort, bytes }) => {
    const start = before.find(one => one.localPort === localPort)?.bytes ?? 0
    return { device, bytes: bytes - start }
  })
}

async function busiest(socket) {
  return (await grown(socket)).sort((a, b) => b.bytes - a.bytes)[0].device
}

async function until(condition) {
  const begun = performance.now()
  while (!(await condition())) {
    assert.ok(performance.now() - begun < mostMs, 'the connection does not go on')
    await sleep(20)
  }
}
