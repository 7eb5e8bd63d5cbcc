// Terminates workers at random moments, half of them while they load and half while they work. Each runs several operations of one kind at
// the same time. The main thread pings too. CI runs this plain, and tools/native/sanitize.mjs with a sanitized addon. Uses only loopback.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { Worker } from 'node:worker_threads'
import { ping } from 'netvia'

const terminations = Number(process.env.NETVIA_TERMINATIONS ?? 220)
const together = 8
/** The longest time that a worker works before it is terminated, in ms. */
const longestWork = 30

const host = '127.0.0.1'
const tcp = createTcpServer(socket => socket.on('error', () => {}).resume()).listen(0, host)
const http = createServer((_request, response) => response.end('x'.repeat(10_000))).listen(0, host)
const sink = createSocket('udp4').bind(0, host)
// Answers every question with 127.0.0.1: a header with the response flags, the question, and one record that points to its name.
const dns = createSocket('udp4').bind(0, host)
const record = Buffer.from('c00c000100010000003c00047f000001', 'hex')
await Promise.all([tcp, http, sink, dns].map(server => once(server, 'listening')))
dns.on('message', (question, { port, address }) => {
  const end = question.indexOf(0, 12) + 5
  const head = Buffer.from([question[0], question[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
  dns.send(Buffer.concat([head, question.subarray(12, end), record]), port, address)
})
const portOf = server => server.address().port

/** The operation of each kind, which a worker repeats until it is terminated. */
const works = {
  ping: `async i => { await ping(i % 2 ? host : '::1', { device: 'lo', kind: i % 4 < 2 ? 'raw' : 'auto', payloadSize: 1000 }) }`,
  sweep: `async () => { for await (const _ of sweep('127.0.0.0/27', { device: 'lo' })); }`,
  scan: `async () => { for await (const _ of scanPorts(host, { ports: [${portOf(tcp)}, 1, 2, 3] })); }`,
  traceroute: `async () => { for await (const _ of traceroute(host, { device: 'lo', method: 'udp', names: false })); }`,
  connect: `async () => { (await connect({ host, port: ${portOf(tcp)}, device: 'lo' })).destroy() }`,
  listen: `async () => {
    const server = await listen({ host, port: 0, device: 'lo' })
    ;(await connect({ host, port: server.address().port, device: 'lo' })).destroy()
    server.close()
  }`,
  // Receives nothing, because Node 20 itself aborts if a worker is terminated while it receives (FromJust in UDPWrap::OnRecv).
  udp: `async () => {
    const socket = await openUdp({ host, device: 'lo' })
    await new Promise((resolve, reject) => socket.send('x', ${portOf(sink)}, host, error => (error ? reject(error) : resolve())))
    socket.close()
  }`,
  dns: `async () => { await resolve('a.test', { servers: ['${host}:${portOf(dns)}'], device: 'lo' }) }`,
  http: `async () => { const { ok } = await checkHttp('http://${host}:${portOf(http)}/', { device: 'lo', expectBody: 'x' }); if (!ok) throw new Error('not ok') }`,
  proxy: `async () => {
    const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'] })
    const client = createConnection(proxy.address().port, host)
    client.on('error', () => {}).resume()
    client.write(Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, ${portOf(tcp) >> 8}, ${portOf(tcp) & 255}))
    client.end(Buffer.alloc(300_000))
    await once(client, 'close')
    await proxy.close()
  }`,
  devices: `async () => { const watch = watchDevices(); await devices(); await watch.return() }`,
  monitor: `async () => {
    const checks = [{ type: 'ping', host }, { type: 'tcp', host, port: ${portOf(tcp)} }]
    const monitor = new UplinkMonitor({ interval: 10, up: 1, uplinks: [{ name: 'lo', device: 'lo', checks }] })
    monitor.start()
    await once(monitor, 'state')
    await monitor.stop()
  }`,
}

/**
 * A worker's program. Its first message means that each of its concurrent operations has finished once. It has no top-level await, because
 * Node 20 itself aborts if a worker is terminated while such a module starts (SourceTextModule::ExecuteAsyncModule).
 */
const program = work => `
  import { once } from 'node:events'
  import { parentPort } from 'node:worker_threads'
  import { createConnection } from 'node:net'
  import { checkHttp, connect, devices, listen, listenProxy, openUdp, ping, resolve, scanPorts, sweep, traceroute, UplinkMonitor, watchDevices } from ${JSON.stringify(import.meta.resolve('netvia'))}
  const host = '${host}'
  const work = ${work}
  const all = [0, 1, 2, 3]
  const begin = async () => {
    await Promise.all(all.map(work))
    parentPort.postMessage('at work')
    await Promise.all(all.map(async i => { for (;;) await work(i) }))
  }
  begin()
`

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const kinds = Object.keys(works)
const atWork = Object.fromEntries(kinds.map(kind => [kind, 0]))
let loading = 0
/** The time that a worker took until it was working, in ms. */
let loadingTime = 200

async function terminateOne(index) {
  const kind = kinds[(index >> 1) % kinds.length]
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program(works[kind]))}`))
  worker.on('error', error => {
    console.error(kind, error)
    process.exit(1)
  })
  const begun = performance.now()
  let working = false
  const started = once(worker, 'message').then(() => {
    working = true
    loadingTime = performance.now() - begun
  })
  if (index % 2) {
    await started
    await sleep(Math.random() * longestWork)
  } else {
    started.catch(() => {})
    await sleep(Math.random() * 0.8 * loadingTime)
  }
  if (working) atWork[kind]++
  else loading++
  await worker.terminate()
}

/** Counts sockets, event descriptors and epoll. Not files, because a worker terminated during an import leaves Node's files open. */
function descriptors() {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return /^(socket|anon_inode):/.test(readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      return false
    }
  }).length
}

await ping(host)
await terminateOne(1)
const before = descriptors()
let next = 0
let pinging = true
const pinger = (async () => {
  while (pinging) assert.equal((await ping(host)).outcome, 'reply')
})()
await Promise.all(
  Array.from({ length: together }, async () => {
    while (next < terminations) await terminateOne(next++)
  }),
)
pinging = false
await pinger
for (let i = 0; i < 600 && descriptors() > before; i++) await sleep(50)
assert.ok(descriptors() <= before, `${descriptors()} descriptors left, ${before} before`)
const counts = Object.values(atWork)
const working = counts.reduce((sum, count) => sum + count)
assert.ok(working >= terminations / 2, `${working} of ${terminations} were at work`)
assert.ok(Math.min(...counts) >= Math.floor(terminations / 2 / kinds.length), JSON.stringify(atWork))
console.log(
  `${working} workers terminated at work (${kinds.map(kind => `${atWork[kind]} ${kind}`).join(', ')}), ${loading} while they loaded; no descriptor left`,
)
// An operation in progress must not keep process.exit() from ending cleanly.
ping(host)
process.exit(0)
