// Uses a little of everything, here and in workers, and ends normally. LeakSanitizer then reports unreachable memory of the addon.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Worker } from 'node:worker_threads'
import { connect, devices, listen, openIcmp, openUdp, ping, scanPorts, sweep, watchDevices } from 'netvia'

const host = '127.0.0.1'
const server = createServer(socket => socket.on('error', () => {}).resume()).listen(0, host)
await once(server, 'listening')
const { port } = server.address()
for (let round = 0; round < 20; round++) {
  await ping(host, { device: 'lo' })
  for await (const _ of sweep('127.0.0.0/28'));
  for await (const _ of scanPorts(host, { ports: [port, 1] }));
  const socket = await connect({ host, port, device: 'lo' })
  socket.destroy()
  await once(socket, 'close')
  ;(await openUdp({ host, device: 'lo' })).close()
  ;(await listen({ host, port: 0, device: 'lo' })).close()
  openIcmp({ family: 4 }).close()
  await devices()
  await watchDevices().return()
}
server.close()

const program = `
  import { parentPort } from 'node:worker_threads'
  import { ping } from ${JSON.stringify(import.meta.resolve('netvia'))}
  parentPort.postMessage(await ping('${host}', { device: 'lo' }))
  setInterval(() => {}, 1000)`
for (let i = 0; i < 5; i++) {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`))
  await once(worker, 'message')
  await worker.terminate()
}
