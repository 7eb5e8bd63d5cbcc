import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openIcmp } from '../../src/index.js'
import { compileExample, Example } from '../examples/run.js'
import { requires } from './requirements.js'

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function echoServer() {
  const port = await freePort()
  const server = new Example('tcp-server', [], { PORT: String(port) })
  await server.prints(`Server listening on :${port}`)
  return { port, server }
}

async function dial(port: number): Promise<Socket> {
  const client = connect(port, '127.0.0.1').setEncoding('utf8')
  await once(client, 'connect')
  onTestFinished(() => void client.destroy())
  return client
}

describe('tcp-server', () => {
  it('echoes lines that are split over packets, and prints connections, messages and disconnections', async () => {
    const { port, server } = await echoServer()
    const client = await dial(port)
    const name = `127.0.0.1:${client.localPort}`
    client.setNoDelay().write('hel')
    await server.prints(`Client connected: ${name}`)
    client.write('lo\nwor')
    expect(await once(client, 'data')).toEqual(['Echo: hello\n'])
    client.write('ld\n')
    expect(await once(client, 'data')).toEqual(['Echo: world\n'])
    client.end('without an end')
    await server.prints(`Client ${name} disconnected`)
    expect(server.lines).toEqual([
      `Server listening on :${port}`,
      `Client connected: ${name}`,
      `Received from ${name}: hello`,
      `Received from ${name}: world`,
      `Client ${name} disconnected`,
    ])
  })

  it('serves 200 clients at once', async () => {
    const { port } = await echoServer()
    const clients = await Promise.all(Array.from({ length: 200 }, () => dial(port)))
    const answers = clients.map(client => once(client, 'data'))
    for (const [index, client] of clients.entries()) client.write(`client ${index}\n`)
    expect(await Promise.all(answers)).toEqual(clients.map((_, index) => [`Echo: client ${index}\n`]))
  })

  it('survives a client that vanishes, and answers one that closes its half', async () => {
    const { port, server } = await echoServer()
    const vanishing = await dial(port)
    vanishing.write('a line\n')
    await once(vanishing, 'data')
    vanishing.resetAndDestroy()
    await server.prints('disconnected')
    const half = await dial(port)
    half.end('last words\n')
    expect(await once(half, 'data')).toEqual(['Echo: last words\n'])
    await once(half, 'end')
  })
})

describe('tcp-client', () => {
  it('sends lines from a pipe and prints the answers', async () => {
    const { port } = await echoServer()
    const client = new Example('tcp-client', ['localhost', port])
    await client.prints('Enter message: ')
    client.child.stdin.write('one\n')
    await client.prints('Server: Echo: one\n')
    client.child.stdin.end('two\n')
    expect(await client.ends()).toBe(0)
    expect(client.output).toContain('Connected to server\n')
    expect(client.output).toContain('Server: Echo: two\n')
  })

  it('works on a terminal: typed lines are visible and answered one by one', async context => {
    requires(context, 'script')
    const { port } = await echoServer()
    const command = `"${process.execPath}" "${compileExample('tcp-client')}" 127.0.0.1 ${port}`
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } })
    onTestFinished(() => void terminal.kill('SIGKILL'))
    const exit = once(terminal, 'exit')
    let screen = ''
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen = stripVTControlCharacters(screen + text).replaceAll('\r', '')
    })
    let seen = 'Connected to server\nEnter message: '
    for (const line of ['hello', 'two words']) {
      await expect.poll(() => screen, { timeout: 10_000 }).toBe(seen)
      terminal.stdin.write(`${line}\r`)
      seen += `${line}\nServer: Echo: ${line}\nEnter message: `
    }
    await expect.poll(() => screen, { timeout: 10_000 }).toBe(seen)
    terminal.stdin.write('\x04')
    expect(await exit).toEqual([0, null])
  })

  it.each([
    ['leaves', (socket: Socket) => setTimeout(() => socket.end(), 100), ''],
    ['closes the connection', (socket: Socket) => setTimeout(() => socket.resetAndDestroy(), 100), 'read ECONNRESET\n'],
    [
      'closes the connection instead of answering',
      (socket: Socket) => socket.once('data', () => socket.resetAndDestroy()),
      /RESET/,
    ],
  ])('ends when the server %s', async (_what, serve, says) => {
    const server = createServer(serve).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const client = new Example('tcp-client', ['127.0.0.1', (server.address() as AddressInfo).port])
    await client.prints('Enter message: ')
    if (says instanceof RegExp) client.child.stdin.write('anyone?\n')
    expect(await client.ends()).toBe(0)
    const [, after] = client.output.split('Connected to server\nEnter message: ')
    if (says instanceof RegExp) expect(after).toMatch(says)
    else expect(after).toBe(says)
  })
})

describe('udp-server', () => {
  async function ackServer() {
    const port = await freePort()
    const server = new Example('udp-server', [], { PORT: String(port) })
    await server.prints(`UDP Server listening on :${port}`)
    const socket = createSocket('udp4')
    onTestFinished(() => void socket.close())
    return { port, server, socket }
  }

  it('acknowledges empty datagrams, and the longest that fit', async () => {
    const { port, server, socket } = await ackServer()
    socket.send('', port, '127.0.0.1')
    expect(String((await once(socket, 'message'))[0])).toBe('ACK: ')
    const longest = 'x'.repeat(65_507 - 'ACK: '.length)
    socket.send(longest, port, '127.0.0.1')
    expect(String((await once(socket, 'message'))[0])).toBe(`ACK: ${longest}`)
    socket.send('y'.repeat(65_507), port, '127.0.0.1')
    await server.prints('y'.repeat(65_507))
  })

  it('acknowledges 10,000 datagrams', async () => {
    const { port, socket } = await ackServer()
    const missing = new Set(Array.from({ length: 10_000 }, (_, index) => `ACK: ${index}`))
    socket.on('message', message => missing.delete(String(message)))
    // Sent in small batches, because more would overrun the server's receive buffer.
    for (let sent = 0; sent < 10_000; ) {
      for (const end = sent + 50; sent < end; sent++) socket.send(String(sent), port, '127.0.0.1')
      const deadline = Date.now() + 5000
      while (missing.size > 10_000 - sent && Date.now() < deadline) await new Promise(resolve => setImmediate(resolve))
    }
    expect([...missing]).toEqual([])
  })

  it('is answered by its client', async () => {
    const { port } = await ackServer()
    const client = new Example('udp-client', ['good day', '127.0.0.1', port])
    expect(await client.ends()).toBe(0)
    expect(client.lines).toEqual(['Server: ACK: good day'])
  })
})

describe('dial-timeout', () => {
  it('connects both ways', async () => {
    const { port } = await echoServer()
    const dial = new Example('dial-timeout', ['127.0.0.1', port])
    expect(await dial.ends()).toBe(0)
    expect(dial.lines).toEqual([`Connected to: 127.0.0.1:${port}`, `Connected to: 127.0.0.1:${port}`])
  })

  it('prints the reason for a failure', async () => {
    const dial = new Example('dial-timeout', ['127.0.0.1', await freePort()])
    expect(await dial.ends()).toBe(0)
    expect(dial.lines).toHaveLength(2)
    for (const line of dial.lines) expect(line).toMatch(/^Failed: .*ECONNREFUSED/)
  })
})

describe('icmp-packet', () => {
  it('sends a hand-made request and prints the answer', async context => {
    requires(context, 'ping')
    const example = new Example('icmp-packet', ['127.0.0.1'])
    expect(await example.ends()).toBe(0)
    // Type 8, code 0, and "HELLO" at the end.
    expect(example.lines[0]).toMatch(/^Sent to 127\.0\.0\.1: 0800[0-9a-f]{8}000148454c4c4f$/)
    expect(example.lines.at(-1)).toBe('Received from 127.0.0.1: echo-reply, ttl=64')
  })

  it('waits for its own reply while another program pings', async context => {
    requires(context, 'ping')
    const other = openIcmp({ family: 4 })
    const pinging = setInterval(() => {
      other.send(
        { family: 4, kind: 'echo-request', identifier: 7, sequence: 7, payload: Buffer.from('other') },
        '127.0.0.91',
      )
    }, 1)
    onTestFinished(() => {
      clearInterval(pinging)
      other.close()
    })
    const example = new Example('icmp-packet', ['127.0.0.1'])
    expect(await example.ends()).toBe(0)
    expect(example.lines.at(-1)).toBe('Received from 127.0.0.1: echo-reply, ttl=64')
  })
})
