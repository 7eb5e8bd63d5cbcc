// Uses everything in the library over loopback, in a restricted process. Prints a JSON object with the outcome or error code of each
// operation. confinement.test.ts runs it under different restrictions.
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { checkHttp, connect, devices, openUdp, ping, resolve, scanPorts, sweep, traceroute, watchDevices } from 'netvia'

const host = '127.0.0.1'
const server = createServer((_request, response) => response.end('hello')).listen(0, host)
await new Promise(resolve => server.once('listening', resolve))
const { port } = server.address()

async function all(items) {
  const found = []
  for await (const item of items) found.push(item)
  return found
}

const works = {
  datagram: async () => (await ping(host, { kind: 'datagram', device: 'lo' })).outcome,
  raw: async () => (await ping(host, { kind: 'raw', device: 'lo' })).outcome,
  auto: async () => (await ping(host)).outcome,
  sweep: async () => (await all(sweep('127.0.0.0/28'))).every(({ alive }) => alive),
  trace: async () => (await all(traceroute(host, { method: 'udp' }))).at(-1).reached,
  connect: async () => (await connect({ host, port, device: 'lo' })).destroy().destroyed,
  http: async () => (await checkHttp(`http://${host}:${port}/`, { device: 'lo' })).ok,
  scan: async () => (await all(scanPorts(host, { ports: [port] })))[0].state,
  udp: async () => (await openUdp({ host, device: 'lo' })).close() && true,
  resolve: async () => (await resolve('localhost')).length > 0,
  devices: async () => (await devices()).some(({ name }) => name === 'lo'),
  watch: async () => (await watchDevices().return()).done,
}
const found = {}
for (const [name, work] of Object.entries(works)) {
  found[name] = await work().catch(error => error.code ?? error.stack)
}
// Many connections at once. With few descriptors, some fail with EMFILE.
const many = await Promise.all(
  Array.from({ length: 40 }, () =>
    connect({ host, port }).then(
      socket => socket.destroy().destroyed,
      error => error.code,
    ),
  ),
)
found.many = [...new Set(many)].sort()
found.after = await works.auto().catch(error => error.code)
found.descriptors = readdirSync('/proc/self/fd').length
server.close()
server.closeAllConnections()
console.log(JSON.stringify(found))
