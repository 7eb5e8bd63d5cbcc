// Starts a SOCKS5 proxy and opens tunnels through it. Only the CPU time and memory of the proxy and its children count.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const [which, port, go, work, client, device, target, ...counts] = process.argv.slice(2)
/** USER_HZ on every architecture that Node supports. */
const ticksPerSecond = 100
const folder = mkdtempSync(join(tmpdir(), 'netvia-bench-'))
const danted = join(folder, 'danted.conf')
writeFileSync(
  danted,
  `logoutput: ${folder}/log
internal: 127.0.0.1 port = ${port}
external: ${device}
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: root
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`,
)
const npmServer = `
  const [manifest, port] = process.argv.slice(1)
  const { createServer } = require('node:module').createRequire(manifest)('@pondwader/socks5-server')
  createServer().listen(Number(port), '127.0.0.1')`
const netvia = fileURLToPath(new URL('../../../dist/cli.cjs', import.meta.url))
const commands = {
  netvia: () => [
    ...[process.execPath, netvia, 'proxy', '--listen', `127.0.0.1:${port}`, '-I', device],
    ...['--allow-target', '10.0.0.0/8', '--max-connections', '100000'],
  ],
  microsocks: () => ['microsocks', '-i', '127.0.0.1', '-p', port],
  dante: () => ['danted', '-f', danted],
  'socks5-server': () => [process.execPath, '-e', npmServer, process.env.NETVIA_BENCH_PEERS, port],
  Go: () => [go, port, device],
}
// 5,000 tunnels need 10,000 descriptors.
const proxy = spawn('sh', ['-c', 'ulimit -n 100000; exec "$@"', 'sh', ...commands[which]().map(String)], {
  stdio: 'ignore',
})
process.on('exit', () => {
  // The proxy's children end with it.
  proxy.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})
while (!(await listens())) {
  if (proxy.exitCode !== null) throw new Error(`the proxy exited with code ${proxy.exitCode}`)
  await sleep(20)
}
// A proxy runs for months, so the first second, in which V8 compiles it, doesn't count.
if (work === 'new') await tunnels('new', counts)
const before = cpuSeconds()
const report = await tunnels(work, counts, () => ({ proxyMb: memoryMb() }))
console.log(JSON.stringify({ ...report, cpuSeconds: cpuSeconds() - before }))
process.exit()

/** Runs the client. Calls `done` when the client has opened or read everything, while its tunnels are still open. */
async function tunnels(work, counts, done = () => ({})) {
  const child = spawn(client, [port, work, ...target.split(':'), ...counts].map(String), {
    stdio: 'pipe',
  })
  const errors = child.stderr.setEncoding('utf8').toArray()
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'close').then(() => [])])
  if (line === undefined) throw new Error(`the client failed: ${(await errors).join('')}`)
  const report = { ...JSON.parse(line), ...done() }
  child.stdin.end()
  return report
}

function listens() {
  return new Promise(resolve => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}

/** The proxy and its children. */
function processes() {
  const all = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
        return [{ pid: Number(pid), parent: Number(fields[1]), fields }]
      } catch {
        return []
      }
    })
  return all.filter(({ pid, parent }) => pid === proxy.pid || parent === proxy.pid)
}

/** CPU time in seconds, including all threads and ended children, see proc_pid_stat(5). */
function cpuSeconds() {
  const ticks = processes().map(({ fields }) => fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0))
  return ticks.reduce((sum, value) => sum + value, 0) / ticksPerSecond
}

/** The proportional set size (PSS), which counts shared memory once. */
function memoryMb() {
  const sizes = processes().map(({ pid }) => {
    try {
      return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1])
    } catch {
      // The process has ended.
      return 0
    }
  })
  return sizes.reduce((sum, size) => sum + size, 0) / 1024
}
