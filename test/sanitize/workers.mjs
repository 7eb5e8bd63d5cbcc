// Twenty workers that ping and connect without pause, terminated at random moments, 500 times in all, while the main
// thread pings too. Run by scripts/sanitize.mjs under a sanitized addon; loopback only.
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { Worker } from 'node:worker_threads'
import { ping } from 'netvia'

const terminations = Number(process.env.NETVIA_TERMINATIONS ?? 500)
const together = 20

const server = createServer(socket => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
await new Promise(resolve => server.once('listening', resolve))
const { port } = server.address()

const code = `
  import { connect, listen, openUdp, ping } from 'netvia'
  const forever = async work => { for (;;) await work() }
  for (let i = 0; i < 4; i++) {
    forever(() => ping(i % 2 ? '127.0.0.1' : '::1', { device: 'lo', timeout: 50 }))
    forever(() => ping('127.0.0.1', { kind: 'raw', timeout: 1, payloadSize: 1000 }))
    forever(async () => (await connect({ host: '127.0.0.1', port: ${port}, device: 'lo' })).destroy())
    forever(async () => (await openUdp({ host: '127.0.0.1', device: 'lo' })).close())
    forever(async () => (await listen({ host: '127.0.0.1', port: 0, device: 'lo' })).close())
  }
`
const worker = new URL(
  `data:text/javascript,${encodeURIComponent(code.replaceAll("'netvia'", JSON.stringify(import.meta.resolve('netvia'))))}`,
)

async function once() {
  const thread = new Worker(worker)
  thread.on('error', error => {
    console.error(error)
    process.exit(1)
  })
  await new Promise(resolve => thread.once('online', resolve))
  await new Promise(resolve => setTimeout(resolve, Math.random() * 150))
  await thread.terminate()
}

/** Sockets, event descriptors and epoll; not files: a worker ended in the middle of an import leaves Node's own open. */
function descriptors() {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return /^(socket|anon_inode):/.test(readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      return false
    }
  }).length
}

async function until(condition) {
  for (let i = 0; i < 100 && !condition(); i++) await new Promise(resolve => setTimeout(resolve, 50))
  assert.ok(condition(), `${descriptors()} descriptors left, ${before} before`)
}

await ping('127.0.0.1')
await once()
const before = descriptors()
let left = terminations
let pinging = true
const pinger = (async () => {
  while (pinging) assert.equal((await ping('127.0.0.1')).outcome, 'reply')
})()
await Promise.all(
  Array.from({ length: together }, async () => {
    while (left-- > 0) await once()
  }),
)
pinging = false
await pinger
server.close()
await until(() => descriptors() <= before)
console.log(`${terminations} workers terminated, no descriptor left`)
// In the middle of things: nothing here may keep process.exit() from being clean.
ping('127.0.0.1')
process.exit(0)
