import { once } from 'node:events'
import type { Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/protocols/tcp/connect.js'
import { connectTls } from '../../src/protocols/tcp/connect-tls.js'
import { listen } from '../../src/protocols/tcp/listen.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { boundDevice } from '../../src/sockets/open.js'
import { tcpInfo } from '../../src/sockets/tcp-info.js'
import { lab, needs } from '../lab/index.js'
import { openSockets } from '../unit/open-sockets.js'
import { echoServer } from './echo-server.js'
import { lateEndServer } from './late-end.js'
import { movedDuring, sentDuring } from './moved.js'

const port = 7000
const { address4, address6 } = lab.server

beforeAll(() => echoServer(port))

/** Returns the server's first line, the address that it sees. Waits for the end, so that no packet arrives late. */
async function converse(socket: Socket): Promise<string> {
  socket.end('hello')
  const said = (await socket.toArray()).join('')
  expect(said).toMatch(/\nhello$/)
  return said.split('\n')[0]!.replace('::ffff:', '')
}

test('a user timeout ends a connection whose line stopped answering', async () => {
  const socket = await connect({ host: address4, port, device: 'wan1', userTimeout: 500 })
  const repair = lab.fault('isp1', 'meta l4proto tcp drop')
  const failed = once(socket, 'error', { signal: AbortSignal.timeout(20_000) })
  socket.write('hello')
  expect(await failed).toMatchObject([{ code: 'ETIMEDOUT' }])
  repair()
})

describe('by address', () => {
  test.each([
    ['wan1', address4, lab.wan1.address4],
    ['wan2', address4, lab.wan2.address4],
    ['wan1', address6, lab.wan1.address6],
    ['wan2', address6, lab.wan2.address6],
  ] as const)('over %s to %s, and by no other device', async (device, host, source) => {
    const moved = await movedDuring(async () => {
      const socket = await connect({ host, port, device, timeout: 5000 })
      expect(boundDevice(descriptorOf(socket))).toBe(device)
      expect(socket).toMatchObject({ remoteAddress: host, localAddress: source })
      expect(tcpInfo(socket).state).toBe('established')
      expect(await converse(socket)).toBe(source)
    })
    expect(moved[device]).toBeGreaterThan(5)
    expect(moved[device === 'wan1' ? 'wan2' : 'wan1']).toBe(0)
  })

  // After the socket is closed and its FIN acknowledged, the kernel acknowledges the server's FIN, which arrives later.
  test.each([address4, address6])('the last acknowledgement to %s uses the device too', async host => {
    const server = await lateEndServer(port + 1)
    const moved = await movedDuring(async () => {
      const socket = await connect({ host, port: port + 1, device: 'wan2', timeout: 5000 })
      socket.destroy()
      await server.end()
    })
    expect(moved.wan1).toBe(0)
    await server.isAcknowledged()
  })

  test("with wan2's address alone the packets use wan1", async () => {
    const sent = await sentDuring(async () =>
      converse(await connect({ host: address4, port, localAddress: lab.wan2.address4, timeout: 5000 })),
    )
    expect(sent.wan1).toBeGreaterThan(2)
    expect(sent.wan2).toBe(0)
  })

  test('with both: the address and the device', async () => {
    lab.run('router', 'ip', 'address', 'add', '198.51.100.77/24', 'dev', 'wan2')
    try {
      const socket = await connect({
        host: address4,
        port,
        device: 'wan2',
        localAddress: '198.51.100.77',
        timeout: 5000,
      })
      expect(await converse(socket)).toBe('198.51.100.77')
    } finally {
      lab.run('router', 'ip', 'address', 'delete', '198.51.100.77/24', 'dev', 'wan2')
    }
  })

  test('a link-local address, with its zone and by the device alone', async () => {
    const text = lab.run('isp2', 'ip', '-6', '-oneline', 'address', 'show', 'dev', 'customer', 'scope', 'link')
    const address = /inet6 (fe80::[^/]+)/.exec(text)![1]!
    await echoServer(port, 'isp2')
    for (const options of [
      { host: `${address}%wan2` },
      { host: address, device: 'wan2' },
      { host: `${address}%wan2`, device: 'wan2' },
    ]) {
      const socket = await connect({ ...options, port, timeout: 5000 })
      expect(socket.remoteAddress).toContain(address)
      await converse(socket)
    }
    await expect(connect({ host: `${address}%wan2`, device: 'wan1', port, timeout: 1000 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      hint: expect.stringContaining('wan1'),
    })
  })
})

describe('by name', () => {
  needs('dnsmasq')

  test('name resolution and connection use the device', async () => {
    const dns = await lab.dnsmasq()
    const moved = await movedDuring(async () => {
      const socket = await connect({ host: lab.server.name, port, device: 'wan2', timeout: 5000 })
      expect(socket.remoteAddress).toBe(address6)
      await converse(socket)
    })
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(8)
    await dns.stop()
  })

  test('unreachable IPv6 costs no more than the attempt delay', async () => {
    const dns = await lab.dnsmasq()
    const repair = lab.fault('isp2', `ip6 daddr ${address6} tcp dport ${port} drop`)
    const start = performance.now()
    const socket = await connect({ host: lab.server.name, port, device: 'wan2', timeout: 5000 })
    const took = performance.now() - start
    expect(socket.remoteAddress).toBe(address4)
    expect(took).toBeGreaterThan(240)
    expect(took).toBeLessThan(1000)
    socket.destroy()
    repair()
    await dns.stop()
  })

  test('a name with two addresses fails through a dead end, although the default route reaches one of them', async () => {
    const dead = lab.addDevice('dead0', 'slow')
    // The name server is reachable through the dead end, but neither of the addresses is.
    const dns = await lab.dnsmasq([`host-record=two.test,${address4},${address6}`], {
      host: 'slow',
      addresses: [dead.gateway4],
    })
    const before = await openSockets()
    try {
      for (const options of [{ timeout: 1500 }, { timeout: 1500, attemptDelay: 10 }]) {
        const moved = await movedDuring(async () => {
          const error = await connect({
            host: 'two.test',
            port,
            device: 'dead0',
            servers: [dead.gateway4],
            ...options,
          }).catch(error => error)
          expect(error).toMatchObject({ name: 'NetviaError', device: 'dead0' })
          expect(error.code).toMatch(/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/)
        })
        expect(moved).toEqual({ wan1: 0, wan2: 0 })
      }
      expect(await openSockets()).toBe(before)
    } finally {
      await dns.stop()
      dead.remove()
    }
  })
})

describe('what goes wrong', () => {
  test('rejected on the path: fails immediately, with the kind', async () => {
    const repair = lab.fault('isp2', `tcp dport ${port} reject with icmpx type host-unreachable`)
    await expect(connect({ host: address4, port, device: 'wan2', timeout: 3000 })).rejects.toMatchObject({
      code: 'EHOSTUNREACH',
      device: 'wan2',
      address: address4,
    })
    repair()
  })

  test('dropped on the path: fails at the time limit', async () => {
    const repair = lab.fault('isp2', `tcp dport ${port} drop`)
    const start = performance.now()
    await expect(connect({ host: address4, port, device: 'wan2', timeout: 400 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'connect',
      address: address4,
      port,
      device: 'wan2',
    })
    expect(performance.now() - start).toBeLessThan(1000)
    repair()
  })

  test.each([false, true])(
    'the device deleted while connecting (created again: %s): ENODEV, and nothing stays open',
    async again => {
      const repair = lab.fault('internet', `tcp dport ${port} drop`)
      const before = await openSockets()
      const gone = lab.addDevice('gone0')
      const pending = connect({ host: address4, port, device: 'gone0' })
      pending.catch(() => {})
      await new Promise(done => setTimeout(done, 100))
      gone.remove()
      const second = again ? lab.addDevice('gone0') : undefined
      const start = performance.now()
      await expect(pending).rejects.toMatchObject({ code: 'ENODEV', device: 'gone0' })
      expect(performance.now() - start).toBeLessThan(1000)
      expect(await openSockets()).toBe(before)
      second?.remove()
      repair()
    },
  )

  test('the device is down, or has no carrier', async () => {
    const down = lab.addDevice('down0')
    lab.run('router', 'ip', 'link', 'set', 'down0', 'down')
    const moved = await movedDuring(() =>
      expect(connect({ host: address4, port, device: 'down0', timeout: 1000 })).rejects.toMatchObject({
        code: expect.stringMatching(/ENETUNREACH|ENETDOWN|EHOSTUNREACH/),
        device: 'down0',
      }),
    )
    expect(moved).toEqual({ wan1: 0, wan2: 0 })
    down.remove()
  })
})

describe('TLS', () => {
  needs('nginx', 'dnsmasq')

  test('over the device, by name, with a matching certificate', async () => {
    const nginx = await lab.nginx()
    const dns = await lab.dnsmasq()
    const moved = await movedDuring(async () => {
      const socket = await connectTls({ host: 'server.test', port: 443, device: 'wan2', ca: lab.ca, timeout: 5000 })
      expect(socket.authorized).toBe(true)
      socket.end('GET / HTTP/1.0\r\nHost: server.test\r\n\r\n')
      expect((await socket.toArray()).join('')).toContain('200 OK')
    })
    expect(moved.wan1).toBe(0)
    await dns.stop()
    await nginx.stop()
  })
})

describe('listening on a device', () => {
  const client = (address: string, listenPort: number) =>
    lab.run(
      'internet',
      process.execPath,
      '-e',
      `const s = require('node:net').connect(${listenPort}, '${address}')
       s.on('error', e => console.log(e.code)).on('data', d => console.log(String(d))).on('close', () => process.exit())`,
    )

  /** The server runs in this process, so this must not block. */
  const clientBeside = async (address: string, listenPort: number): Promise<string> => {
    const child = lab.spawn(
      'internet',
      process.execPath,
      '-e',
      `const s = require('node:net').connect(${listenPort}, '${address}')
       s.on('error', e => console.log(e.code)).on('data', d => console.log(String(d))).on('close', () => process.exit())`,
    )
    return (await child.stdout!.toArray()).join('').trim()
  }

  test('accepts connections through it and refuses those through another', async () => {
    const server = await listen({ port: 0, device: 'wan2' }, socket =>
      socket.end(`by ${boundDevice(descriptorOf(socket))}`),
    )
    const { port: own } = server.address() as { port: number }
    expect(await clientBeside(lab.wan2.address4, own)).toBe('by wan2')
    expect(await clientBeside(lab.wan2.address6, own)).toBe('by wan2')
    expect(await clientBeside(lab.wan1.address4, own)).toBe('ECONNREFUSED')
    expect(await clientBeside(lab.wan1.address6, own)).toBe('ECONNREFUSED')
    server.close()
    await once(server, 'close')
    expect(client(lab.wan2.address4, own)).toContain('ECONNREFUSED')
  })

  test('the device deleted while listening: the server reports it and closes', async () => {
    const before = await openSockets()
    const gone = lab.addDevice('gone1')
    const server = await listen({ port: 0, device: 'gone1' })
    gone.remove()
    const closed = new Promise<void>(done => server.once('close', done))
    const error = await new Promise(done => server.once('error', done))
    expect(error).toMatchObject({ code: 'ENODEV', device: 'gone1' })
    await closed
    expect(await openSockets()).toBe(before)
  })
})
