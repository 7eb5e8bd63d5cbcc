import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { reportResets } from '../../src/sockets/report-resets.js'
import { resetSocket } from '../../src/sockets/reset.js'
import { startCli } from './cli-process.js'
import { received } from './proxied-pair.js'

// A server may answer before it has all of a request: too large, not allowed. It then resets what is still on its way.

const refusal = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge'
const untilTheEnd = 'HTTP/1.1 413 Content Too Large\r\n\r\nlarge'
const part = Buffer.alloc(1000, 'x')
const length = 4_000_000
const rest = Buffer.alloc(length - 2 * part.length, 'x')

test.each(['socks5', 'connect'])('an early answer reaches the client of a tunnel (%s)', async scheme => {
  const { client, target, proxy } = await upload(scheme, post('/'))
  await whileStopped(proxy, async () => {
    await write(client, part)
    target.write(refusal)
    resetSocket(target)
  })
  const { bytes, end } = await received(client)
  expect(String(bytes)).toBe(refusal)
  expect(end).toBe('reset')
})

test('an early answer reaches the client of a forwarded request, which may go on with its connection', async () => {
  const { client, target, proxy, accepted, base } = await upload('http', post('http://BASE/'))
  await whileStopped(proxy, async () => {
    await write(client, part)
    target.write(refusal)
    resetSocket(target)
  })
  await said(client, /413 [\s\S]*large$/)
  const next = accepted()
  await write(client, Buffer.concat([rest, Buffer.from(`GET http://${base}/ HTTP/1.1\r\nHost: x\r\n\r\n`)]))
  ;(await next).end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
  await said(client, /200 OK[\s\S]*hi$/)
})

test('an early answer that only the end of the connection ends is not whole if that is reset', async () => {
  const { client, target, proxy } = await upload('http', post('http://BASE/'))
  await whileStopped(proxy, async () => {
    await write(client, part)
    target.write(untilTheEnd)
    resetSocket(target)
  })
  expect((await received(client)).end).toBe('reset')
})

test('it is whole if only what came behind the end is reset', async () => {
  const { client, target, proxy } = await upload('http', post('http://BASE/'))
  await whileStopped(proxy, async () => {
    // More than the proxy reads at a time.
    await write(client, rest.subarray(0, 300_000))
    await new Promise<void>(resolve => target.end(untilTheEnd, resolve))
    target.destroy()
  })
  await said(client, /413 [\s\S]*large\r\n0\r\n\r\n$/)
})

test.each([
  ['a client that closes', post('http://BASE/', 'Connection: close\r\n')],
  ['a client of HTTP/1.0', post('http://BASE/').replace('1.1', '1.0')],
])('an early answer is not lost to %s, because the rest of its request is read', async (_name, head) => {
  const { client, target } = await upload('http', head)
  target.end(refusal)
  const closed = once(client, 'close')
  await said(client, /413 [\s\S]*large$/)
  await write(client, Buffer.concat([part, rest]))
  client.end()
  expect(await closed).toEqual([false])
})

test("neither is the proxy's own refusal", async () => {
  const { port } = await startProxy()
  const client = await open(port)
  const closed = once(client, 'close')
  await write(client, Buffer.from(post('http://10.0.0.1/')))
  await said(client, /403 /)
  await write(client, Buffer.concat([part, part, rest]))
  client.end()
  expect(await closed).toEqual([false])
})

test('an upload that its client cuts ends at the target', async () => {
  const { client, target } = await upload('http', post('http://BASE/'))
  const ended = Promise.race([once(target, 'end'), once(target, 'close')])
  target.resume()
  client.resetAndDestroy()
  await ended
})

function post(url: string, fields = ''): string {
  return `POST ${url} HTTP/1.1\r\nHost: x\r\n${fields}Content-Length: ${length}\r\n\r\n`
}

async function startProxy(): Promise<{ proxy: ChildProcess; port: number }> {
  const proxy = startCli(['proxy', '--json', '--listen', '0', '--allow-target', '127.0.0.0/8', '--source', '127.0.0.1'])
  onTestFinished(async () => {
    proxy.kill('SIGKILL')
    await proxy.ended
  })
  for await (const line of proxy.stdout!) {
    const { event, port } = JSON.parse(String(line).split('\n')[0]!)
    if (event === 'listening') return { proxy, port }
  }
  throw new Error('the proxy does not listen')
}

async function open(port: number): Promise<Socket> {
  const client = reportResets(connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  client.on('error', () => {})
  onTestFinished(() => void client.destroy())
  await once(client, 'connect')
  return client
}

/** A client whose target has the header of its request, and the first part of the content. */
async function upload(scheme: string, head: string) {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const accepted = async () => {
    const [socket] = (await once(server, 'connection')) as [Socket]
    onTestFinished(() => void socket.destroy())
    return socket.on('error', () => {})
  }
  const address = (server.address() as AddressInfo).port
  const base = `127.0.0.1:${address}`
  const { proxy, port } = await startProxy()
  const client = await open(port)
  const first = accepted()
  if (scheme === 'connect') {
    await write(client, Buffer.from(`CONNECT ${base} HTTP/1.1\r\nHost: ${base}\r\n\r\n`))
    await said(client, /200 Connection established\r\n\r\n$/)
  } else if (scheme === 'socks5') {
    await write(client, Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, address >> 8, address & 255))
    // The two answers of the handshake.
    await expect.poll(() => client.readableLength).toBe(12)
    // From Node 26 on, one call reads one chunk.
    while (client.read());
  }
  await write(client, Buffer.concat([Buffer.from(head.replace('BASE', base)), part]))
  const target = await first
  await said(target, /\r\n\r\nx+$/, length => length >= part.length)
  return { client, target, proxy, accepted, base }
}

/** Reads until the text of a socket matches. */
async function said(socket: Socket, pattern: RegExp, isEnough = (_length: number) => true): Promise<void> {
  let text = ''
  await expect
    .poll(() => {
      text += socket.read() ?? ''
      return pattern.test(text) && isEnough(text.length) ? 'matches' : text
    })
    .toBe('matches')
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, error => (error ? reject(error) : resolve()))
  })
}

/** What happens meanwhile comes to a process at once. */
async function whileStopped(child: ChildProcess, act: () => Promise<void>): Promise<void> {
  child.kill('SIGSTOP')
  await expect.poll(() => readFileSync(`/proc/${child.pid}/stat`, 'utf8')).toMatch(/\) T /)
  await act()
  child.kill('SIGCONT')
}
