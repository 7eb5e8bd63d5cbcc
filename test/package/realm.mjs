// Runs the library in another realm, as in Electron's renderer, where ArrayBuffer, Error and Promise differ from Node's.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { createContext, runInContext } from 'node:vm'

const { URL, AbortController, AbortSignal, Buffer, process, setTimeout, clearTimeout, setInterval, clearInterval } =
  globalThis
const globals = {
  URL,
  AbortController,
  AbortSignal,
  Buffer,
  process,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  queueMicrotask,
  performance,
  structuredClone,
  TextEncoder,
  TextDecoder,
  EventTarget,
  Event,
  console,
}
const context = createContext({ ...globals })
const loaded = new Map()

function load(file) {
  if (loaded.has(file)) return loaded.get(file).exports
  const module = { exports: {} }
  loaded.set(file, module)
  const require = createRequire(file)
  const inside = id => {
    const path = require.resolve(id)
    return path.endsWith('.cjs') ? load(path) : require(id)
  }
  const wrapper = runInContext(
    `(function (exports, require, module, __filename, __dirname) {${readFileSync(file)}\n})`,
    context,
  )
  wrapper(module.exports, Object.assign(inside, { resolve: require.resolve }), module, file, dirname(file))
  return module.exports
}

context.netvia = load(createRequire(import.meta.url).resolve('netvia'))
const work = `(async () => {
  const { connect, listen, icmp, ping, resolve, scanPorts } = netvia
  const message = icmp.encode({ family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array([1, 2]) })
  if (!(message.length === 10)) throw new Error('encode gave ' + message.length)
  await ping('127.0.0.1', { device: 'gone0' }).then(() => { throw new Error('no error') }, error => {
    if (error.code !== 'ENODEV' || !(error instanceof Error)) throw error
  })
  await resolve('gone.test', { servers: ['127.0.0.1:2'] }).then(() => { throw new Error('no error') }, error => {
    if (error.code !== 'ECONNREFUSED') throw error
  })
  const open = await scanPorts('127.0.0.1', { ports: [2] }).open()
  if (open.length > 0) throw new Error('a closed port is open')
  const server = await listen({ host: '127.0.0.1', port: 0, device: 'lo' }, client => client.end('works'))
  const socket = await connect({ host: '127.0.0.1', port: server.address().port, device: 'lo' })
  for await (const chunk of socket) console.log(String(chunk))
  server.close()
})()`
await runInContext(work, context)
