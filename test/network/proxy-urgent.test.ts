import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { listenProxy } from '../../src/proxy/listen-proxy.js'
import { lab } from '../lab/index.js'

const host = lab.server.address4
const port = 4711

const target = `
import socket
s = socket.create_server(('${host}', ${port})); print('ready', flush=True); c = s.accept()[0]; got = b''
while True:
  data = c.recv(65536)
  if not data: break
  got += data
print(len(got), got[-5:].decode())`

const client = (proxy: number) => `
import socket, time
s = socket.create_connection(('127.0.0.1', ${proxy}))
s.sendall(b'CONNECT ${host}:${port} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); s.recv(1000)
s.sendall(b'a' * 1000000); time.sleep(0.3)
s.send(b'bb!', socket.MSG_OOB); time.sleep(0.3)
s.sendall(b'ccc'); s.shutdown(socket.SHUT_WR); s.recv(1)`

test('urgent data in a large transfer does not stop the tunnel', { timeout: 20_000 }, async () => {
  const proxy = await listenProxy({ port: 0, device: 'wan1' })
  onTestFinished(() => proxy.close())
  const server = lab.spawn('internet', 'python3', '-c', target)
  await once(server.stdout!, 'data')
  lab.spawn('router', 'python3', '-c', client(proxy.address().port))
  // Nobody reads the urgent byte itself. Without SO_OOBINLINE, it isn't in the socket's stream.
  expect((await text(server.stdout!)).trim()).toBe('1000005 bbccc')
})
