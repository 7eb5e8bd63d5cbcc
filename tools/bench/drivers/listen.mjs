// Accepts short connections over loopback from a client in another process: listen.mjs <client> <connections>. Only this process
// is measured.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { stopwatch } from './common.mjs'

const [which, connectionsText] = process.argv.slice(2)
const connections = Number(connectionsText)
const atOnce = 64

const servers = {
  async netvia() {
    const { listen } = await import('netvia')
    return listen({ host: '127.0.0.1', port: 0, device: 'lo' })
  },
  async node() {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  },
}

const server = await servers[which]()
let accepted = 0
let done
const all = new Promise(resolve => {
  server.on('connection', socket => {
    socket.resume().on('error', () => {})
    socket.end('.')
    if (++accepted === connections) resolve()
    if (accepted === connections / 5) done = stopwatch()
  })
})
const client = `
  const { connect } = require('node:net')
  let left = ${connections}
  const next = () => {
    if (left-- <= 0) return
    connect(${server.address().port}, '127.0.0.1').resume().on('error', () => {}).on('close', next)
  }
  for (let i = 0; i < ${atOnce}; i++) next()`
const child = spawn(process.execPath, ['-e', client], { stdio: ['ignore', 'ignore', 'inherit'] })
process.on('exit', () => child.kill('SIGKILL'))
await all
done({ items: connections - connections / 5 })
process.exit(0)
