import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy } from '../../src/index.js'
import { collect, command } from './cli-process.js'

/** Starts an echo server and returns its port. */
async function echo(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Connects through the proxy. Returns the echo, or less if the connection ends earlier. */
async function answer(port: number, target: number, first = 'hello'): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  onTestFinished(() => void socket.destroy())
  const handshake = Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, target >> 8, target & 255)
  socket.on('error', () => {}).end(Buffer.concat([handshake, Buffer.from(first)]))
  return String(await bytesOf(socket)).slice(-first.length)
}

async function bytesOf(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  await new Promise(resolve => socket.on('close', resolve))
  return Buffer.concat(chunks)
}

describe('many simultaneous clients', () => {
  test('are all served, even if more wait than one turn accepts', async () => {
    const target = await echo()
    const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.1'] })
    onTestFinished(() => proxy.close())
    const { port } = proxy.address()
    const answers = await Promise.all(Array.from({ length: 400 }, (_, i) => answer(port, target, `client ${i}`)))
    expect(answers).toEqual(answers.map((_, i) => `client ${i}`))
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, refused: 0 })
  })

  test('are reset beyond the limit, and later ones are served', async () => {
    const target = await echo()
    const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.1'], maxConnections: 10 })
    onTestFinished(() => proxy.close())
    const { port } = proxy.address()
    const silent = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
        onTestFinished(() => void socket.destroy())
        await once(socket, 'connect').catch(() => {})
        return socket
      }),
    )
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 10, refused: 190 })
    for (const socket of silent) socket.destroy()
    await expect.poll(() => proxy.statistics.clients).toBe(0)
    expect(await answer(port, target)).toBe('hello')
  })

  test('that are gone before they are accepted leave nothing', async () => {
    const proxy = await listenProxy({ port: 0 })
    onTestFinished(() => proxy.close())
    const { port } = proxy.address()
    const gone = Array.from({ length: 200 }, async (_, i) => {
      const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
      await once(socket, 'connect').catch(() => {})
      if (i % 2) socket.resetAndDestroy()
      else socket.destroy()
    })
    await Promise.all(gone)
    await expect.poll(() => proxy.statistics.clients).toBe(0)
  })

  test('are reset if the proxy is closed in the meantime', async () => {
    const target = await echo()
    const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.1'] })
    const { port } = proxy.address()
    const answers = Promise.all(Array.from({ length: 100 }, (_, i) => answer(port, target, `client ${i}`)))
    await sleep(5)
    await proxy.close()
    await answers
    expect(proxy.statistics.clients).toBe(0)
    await expect(once(connect({ port, host: '127.0.0.1' }), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

test('without descriptors, the proxy idles, and accepts again once it has some', {
  timeout: 60_000,
}, async () => {
  const target = await echo()
  const limited = ['-c', 'ulimit -n 60; exec "$@"', 'sh', process.execPath, command, 'proxy', '--json']
  const child = spawn('sh', [...limited, '--listen', '0', '--allow-target', '127.0.0.1'])
  const ended = collect(child)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const { port } = JSON.parse(String((await once(child.stdout, 'data'))[0])) as { port: number }
  const waiting = Array.from({ length: 100 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}))
  onTestFinished(() => waiting.forEach(socket => void socket.destroy()))
  await Promise.all(waiting.map(socket => once(socket, 'connect')))
  const late = answer(port, target)
  await expect.poll(() => readdirSync(`/proc/${child.pid}/fd`).length, { timeout: 10_000 }).toBeGreaterThan(55)
  const before = cpuTicks(child.pid!)
  await sleep(2000)
  // A busy loop would use all of the two seconds.
  expect(cpuTicks(child.pid!) - before).toBeLessThan(100)
  for (const socket of waiting) socket.destroy()
  expect(await late).toBe('hello')
})

/** The CPU time of the process in hundredths of a second (proc_pid_stat(5)). */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}
