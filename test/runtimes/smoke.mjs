// Test cases that every runtime must pass, on the loopback device. Prints one line per case. The process must end on its own.
// tools/runtimes/run.mjs runs it in a namespace with only loopback, and tools/runtimes/table.mjs lists the exceptions.
import { createServer, get } from 'node:http'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import * as undici from 'undici'
import * as netvia from '../../dist/index.js'
import { createDispatcher, fetch } from '../../dist/undici.js'

const device = 'lo'
const opened = []

const cases = {
  'CommonJS gives the same names': () => {
    const names = Object.keys(createRequire(import.meta.url)('../../dist/index.cjs'))
    equal(names.sort().join(), Object.keys(netvia).sort().join())
  },
  'datagram ping over IPv4': () => pinged('127.0.0.1', 'datagram'),
  'datagram ping over IPv6': () => pinged('::1', 'datagram'),
  'raw ping over IPv4': () => pinged('127.0.0.1', 'raw'),
  'raw ping over IPv6': () => pinged('::1', 'raw'),
  "times of the kernel's own clock": async () => equal((await pinged('127.0.0.1', 'raw')).clock, 'kernel'),
  sweep: async () => {
    let replies = 0
    for await (const { outcome } of netvia.sweep(['127.0.0.0/28'], { device })) if (outcome === 'reply') replies++
    equal(replies, 14)
  },
  'TCP both ways': async () => {
    const server = keep(await netvia.listen({ host: '127.0.0.1', port: 0, device }, client => client.pipe(client)))
    const socket = await netvia.connect({ host: '127.0.0.1', port: server.address().port, device })
    socket.write('hello')
    const [echo] = await once(socket, 'data')
    socket.destroy()
    equal(String(echo), 'hello')
  },
  'what the kernel knows of a connection': async () => {
    const server = keep(await netvia.listen({ host: '127.0.0.1', port: 0, device }, client => client.resume()))
    const socket = await netvia.connect({ host: '127.0.0.1', port: server.address().port, device })
    const { mss } = netvia.tcpInfo(socket)
    socket.destroy()
    if (!(mss > 0)) throw new Error(`mss ${mss}`)
  },
  'UDP both ways': async () => {
    const echo = keep(await netvia.openUdp({ host: '127.0.0.1', device }))
    echo.on('message', (message, { port, address }) => echo.send(message, port, address))
    const socket = keep(await netvia.openUdp({ host: '127.0.0.1', device }))
    socket.send('hello', echo.address().port, '127.0.0.1')
    const [answer] = await once(socket, 'message')
    equal(String(answer), 'hello')
  },
  'HTTP check': async () => {
    const server = keep(createServer((_, response) => response.end('fine')).listen(0, '127.0.0.1'))
    await once(server, 'listening')
    const url = `http://127.0.0.1:${server.address().port}/`
    const result = await netvia.checkHttp(url, { device, expectBody: 'fine' })
    equal(result.error?.message, undefined)
    equal(result.device, device)
  },
  'HTTP clients use the device, or none': async () => {
    const server = keep(createServer((_, response) => response.end('fine')).listen(0, '127.0.0.1'))
    await once(server, 'listening')
    const url = `http://127.0.0.1:${server.address().port}/`
    equal(await (await fetch(url, { device, headers: { connection: 'close' } })).text(), 'fine')
    const path = { device: 'gone0' }
    const checks = [{ type: 'ping', host: '127.0.0.1' }]
    const monitor = new netvia.UplinkMonitor({ uplinks: [{ name: 'gone', checks, ...path }] })
    const group = new netvia.UplinkGroup(monitor, { policy: 'failover', whenAllDown: 'least-bad' })
    equal(await codeOf(fetch(url, path)), 'ENODEV')
    equal(await codeOf(group.fetch(url)), 'ENODEV')
    equal(await codeOf(once(get(url, { agent: new netvia.HttpAgent(path) }), 'response')), 'ENODEV')
    equal(await codeOf(once(get(url, { agent: group.httpAgent }), 'response')), 'ENODEV')
  },
  "a dispatcher for undici's own functions": async () => {
    const dispatcher = createDispatcher({ device: 'gone0' })
    equal(await codeOf(undici.request('http://127.0.0.1:9/', { dispatcher })), 'ENODEV')
  },
  'port scan': async () => {
    const server = keep(await netvia.listen({ host: '127.0.0.1', port: 0, device }))
    const { port } = server.address()
    equal((await netvia.scanPorts('127.0.0.1', { ports: [1, port], device }).open()).join(), `${port}`)
  },
  'devices from netlink': async () => equal((await netvia.device(device)).running, true),
  'a device that is not there is an error everywhere': async () => {
    const path = { device: 'gone0' }
    equal(await codeOf(netvia.ping('127.0.0.1', path)), 'ENODEV')
    equal(await codeOf(netvia.connect({ host: '127.0.0.1', port: 9, ...path })), 'ENODEV')
    equal(await codeOf(netvia.openUdp(path)), 'ENODEV')
    equal(await codeOf(netvia.listen({ port: 0, ...path })), 'ENODEV')
  },
  'a worker of its own, ended in the middle': async () => {
    const worker = new Worker(new URL('worker.mjs', import.meta.url))
    const [outcome] = await once(worker, 'message')
    equal(outcome, 'reply')
    await worker.terminate()
  },
}

for (const [name, run] of Object.entries(cases)) {
  try {
    await withTimeout(run())
    console.log(`ok ${name}`)
  } catch (error) {
    console.log(`not ok ${name}: ${error.code ?? ''} ${error.message}`.replaceAll('\n', ' '))
  }
  for (const one of opened.splice(0)) one.close()
}
console.log('end')

/** Closes an object after the case, however the case ends. */
function keep(one) {
  opened.push(one)
  return one
}

async function pinged(host, kind) {
  const result = await netvia.ping(host, { kind, device, timeout: 10_000 })
  equal(result.outcome, 'reply')
  if (!(result.rttMs >= 0 && result.rttMs < 10_000)) throw new Error(`rttMs ${result.rttMs}`)
  return result
}

function equal(actual, expected) {
  if (actual !== expected) throw new Error(`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
}

function codeOf(promise) {
  return promise.then(
    () => 'no error',
    error => error.cause?.code ?? error.code,
  )
}

function once(emitter, event) {
  return new Promise((resolve, reject) => {
    emitter.once(event, (...args) => resolve(args))
    emitter.once('error', reject)
  })
}

function withTimeout(promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no end within 30 s')), 30_000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
