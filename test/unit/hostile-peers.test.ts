import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { checkDns, checkHttp, connectTls, resolve } from '../../src/index.js'
import { fakeServer } from './dns-fake-server.js'

const host = '127.0.0.1'
const servers: Server[] = []

/** Starts a server that handles each connection with `behave`. */
async function serve(behave: (socket: Socket) => void, server: Server = createServer(behave)): Promise<number> {
  server.on('connection', socket => socket.on('error', () => {}))
  await once(server.listen(0, host), 'listening')
  servers.push(server)
  return (server.address() as { port: number }).port
}

/** Writes chunks as fast as the socket accepts them. */
function pour(socket: Socket, chunk: () => string | Uint8Array): void {
  const more = () => {
    while (!socket.destroyed && socket.write(chunk()));
  }
  socket.on('drain', more)
  more()
}

/** In bytes. Whatever a peer sends, this process's memory must not grow by more. */
const memoryBound = 96 * 2 ** 20

async function inBoundedMemory<T>(work: () => Promise<T>): Promise<T> {
  const before = process.memoryUsage().rss
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 10)
  try {
    return await work()
  } finally {
    clearInterval(watch)
    expect(most - before).toBeLessThan(memoryBound)
  }
}

afterAll(() => {
  for (const server of servers) server.close()
})

test.each(['GET', 'POST'])('%s: a redirect is followed after any number of fields', async method => {
  const port = await serve(socket => {
    socket.on('data', bytes => {
      const answer = String(bytes).includes(' /next ') ? '204 No Content' : '302 Found'
      socket.end(`HTTP/1.1 ${answer}\r\n${'A:\r\n'.repeat(2100)}Location: /next\r\n\r\n`)
    })
  })
  expect(await checkHttp(`http://${host}:${port}/`, { method, maxRedirects: 1 })).toMatchObject({
    ok: true,
    status: 204,
  })
})

test('a dripping body ends with the time limit', async () => {
  const port = await serve(socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n')
    const drip = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(drip))
  })
  const result = await checkHttp(`http://${host}:${port}/`, { timeout: 400 })
  expect(result).toMatchObject({ ok: false, status: 200, error: { code: 'ETIMEDOUT' } })
})

test('a dripping header ends with the time limit', async () => {
  const port = await serve(socket => {
    const text = `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(10_000)}`
    let at = 0
    const drip = setInterval(() => socket.write(text[at++]!), 20)
    socket.on('close', () => clearInterval(drip))
  })
  const result = await checkHttp(`http://${host}:${port}/`, { timeout: 400 })
  expect(result).toMatchObject({ ok: false, status: undefined, error: { code: 'ETIMEDOUT' } })
})

test('endless headers are refused, and so is one endless header', async () => {
  for (const chunk of [() => `x-${Math.random()}: ${'y'.repeat(500)}\r\n`, () => 'y'.repeat(4096)]) {
    const port = await serve(socket => {
      socket.write('HTTP/1.1 200 OK\r\nx: ')
      pour(socket, chunk)
    })
    const result = await inBoundedMemory(() => checkHttp(`http://${host}:${port}/`, { timeout: 20_000 }))
    expect(result).toMatchObject({ ok: false, error: { code: 'HPE_HEADER_OVERFLOW' } })
  }
})

test.each(['100 Continue\r\n', '103 Early Hints\r\nlink: </a>\r\n'])('endless %s is refused', async interim => {
  const port = await serve(socket => pour(socket, () => `HTTP/1.1 ${interim}\r\n`))
  const result = await inBoundedMemory(() => checkHttp(`http://${host}:${port}/`, { timeout: 20_000 }))
  expect(result).toMatchObject({
    ok: false,
    error: { code: 'HPE_HEADER_OVERFLOW', message: expect.stringMatching(/more than 100 interim responses/) },
  })
})

test('an endless body is read up to the limit, in bounded memory', async () => {
  const block = Buffer.alloc(65_536, 'x')
  const port = await serve(socket => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    pour(socket, () => Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')]))
  })
  const result = await inBoundedMemory(() => checkHttp(`http://${host}:${port}/`, { maxBodyBytes: 2_000_000 }))
  expect(result).toMatchObject({ ok: true, bytes: 2_000_000 })
})

test('1 GB in 1 MB of gzip is decompressed only up to the limit', async () => {
  const member = gzipSync(Buffer.alloc(2 ** 26))
  const bomb = Buffer.concat(Array.from({ length: 16 }, () => member))
  const head = `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`
  const port = await serve(socket => socket.write(Buffer.concat([Buffer.from(head), bomb])))
  const check = () => checkHttp(`http://${host}:${port}/`, { expectBody: 'never', timeout: 20_000 })
  expect(await inBoundedMemory(check)).toMatchObject({ ok: false, error: { code: 'ERR_HTTP_BODY' } })
})

function redirectTo(location: string) {
  return (socket: Socket) => {
    socket.end(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`)
  }
}

test('a redirect loop ends, and no redirect leaves HTTP', async () => {
  const loop = await serve(redirectTo('/again'))
  expect(await checkHttp(`http://${host}:${loop}/`)).toMatchObject({
    ok: false,
    redirects: 5,
    error: { code: 'ERR_HTTP_REDIRECT' },
  })
  for (const location of [
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:,x',
    'gopher://127.0.0.1/',
    'http://[::',
    '//',
  ]) {
    const port = await serve(redirectTo(location))
    const { error } = await checkHttp(`http://${host}:${port}/`)
    expect(error?.code, location).toBe('ERR_HTTP_REDIRECT')
    expect(error!.message).not.toContain('passwd')
  }
})

const file = (name: string) => readFileSync(new URL(`../lab/certificates/${name}`, import.meta.url), 'utf8')

test('1 MB of certificates is refused in bounded memory', async () => {
  const [key, own, other] = [file('server.key'), file('server.pem'), file('ca.pem')]
  const der = Buffer.from(other.replace(/-----.*-----/g, ''), 'base64').length
  const cert = own + other.repeat(2 ** 20 / der)
  const port = await serve(() => {}, createTlsServer({ key, cert }))
  const dial = () => connectTls({ host, port, timeout: 20_000, rejectUnauthorized: false })
  const failure = await inBoundedMemory(() =>
    dial().then(
      () => undefined,
      error => error,
    ),
  )
  expect(failure?.code).toMatch(/EXCESSIVE_MESSAGE_SIZE/)
  expect(await checkHttp(`https://${host}:${port}/`, { timeout: 20_000 })).toMatchObject({
    ok: false,
    status: undefined,
  })
})

test('DNS answers of 64 KB are read in bounded time and memory', async () => {
  const data = Array.from({ length: 240 }, () => 'x'.repeat(255))
  const server = await fakeServer(({ via, question: { name } }) =>
    via === 'udp' ? { truncated: true } : { answers: [{ type: 'TXT', name, ttl: 60, data }] },
  )
  try {
    const records = await inBoundedMemory(() => resolve('a.test', { type: 'TXT', servers: [server.server] }))
    expect(records.map(record => ('data' in record ? (record.data as string[]).join('').length : 0))).toEqual([
      240 * 255,
    ])
  } finally {
    await server.close()
  }
})

test('a DNS server that drips its answer over TCP, or sends endlessly, ends with the time limit', async () => {
  const drip = (socket: Socket) => {
    socket.write(Buffer.from([0xff, 0xff]))
    const timer = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(timer))
  }
  for (const behave of [drip, (socket: Socket) => pour(socket, () => new Uint8Array(65_536))]) {
    const port = await serve(behave)
    const udp = createSocket('udp4').bind(port, host)
    // Returns the question with QR and TC set, which makes the client retry over TCP.
    udp.on('message', (question, from) => {
      question[2]! |= 0x82
      udp.send(question, from.port, from.address)
    })
    const check = () => checkDns('a.test', { servers: [`${host}:${port}`], timeout: 400 })
    expect((await inBoundedMemory(check)).ok).toBe(false)
    udp.close()
  }
})
