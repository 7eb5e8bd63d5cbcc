import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { listenProxy } from '../../src/index.js'
import { connect } from '../../src/protocols/tcp/connect.js'
import { lab, needs } from '../lab/index.js'
import { movedDuring, resetsOfNoSocket } from './moved.js'

needs('dnsmasq')

/** Tests clients that take a socket, as docs/sockets.md shows. `npm ci --ignore-scripts --prefix test/clients` installs them. */
const manifest = new URL('../clients/package.json', import.meta.url)
const installed = existsSync(new URL('node_modules/pg', manifest))
// biome-ignore lint/suspicious/noExplicitAny: the clients' types are not installed
const client = (name: string): any => createRequire(manifest)(name)

const port = 7012
const { name } = lab.server

const mysqlPort = 7013
const mailPort = 7014

/** The handshake packet of MySQL's protocol 10. */
const greeting = Buffer.concat([
  Buffer.from('\n8.0.0\0abcd12345678\0'),
  Buffer.from('ff f7 2d 02 00 08 00 15'.replaceAll(' ', ''), 'hex'),
  Buffer.alloc(10),
  Buffer.from('123456789012\0mysql_native_password\0'),
])
const mysqlGreeting = Buffer.concat([Buffer.from([greeting.length, 0, 0, 0]), greeting])

/**
 * Servers that print the client's address and first bytes in hex, and close. No client needs to get further. Only those whose protocol
 * begins so greet.
 */
const program = `
  const serve = (port, hello = '') => require('node:net').createServer(socket => {
    socket.on('error', () => {}).write(hello)
    socket.once('data', bytes => {
      console.log(socket.remoteAddress.replace('::ffff:', '') + ' ' + bytes.toString('hex'))
      socket.destroy()
    })
  }).listen(port, '::')
  serve(${mysqlPort}, Buffer.from('${mysqlGreeting.toString('hex')}', 'hex'))
  serve(${mailPort}, '220 hello\\r\\n')
  serve(${port}).once('listening', () => console.log('ready'))`

let output: NodeJS.ReadableStream

beforeAll(async () => {
  output = lab.spawn('internet', process.execPath, '-e', program).stdout!
  await once(output, 'data')
  await lab.dnsmasq()
})

const to = (at = port): Promise<Socket> => connect({ host: name, port: at, device: 'wan2' })

/** The first bytes that the server received. Checks that they came from wan2, and that nothing used wan1. */
async function firstBytes(start: () => Promise<unknown>): Promise<Buffer> {
  let said = ''
  const moved = await movedDuring(async () => {
    const line = once(output, 'data')
    const [, text] = await Promise.all([start(), line])
    said = String(text[0]).trim()
  }, resetsOfNoSocket)
  const [from, bytes] = said.split(' ')
  expect([lab.wan2.address4, lab.wan2.address6]).toContain(from)
  expect(moved.wan1).toBe(0)
  expect(moved.wan2).toBeGreaterThan(3)
  return Buffer.from(bytes!, 'hex')
}

/** Ignores the client's error, because the server closes every connection. */
const ends = (promise: Promise<unknown>) => promise.catch(() => {})

if (!installed) {
  test('the clients are not installed, so they are not tested', () => {
    expect(process.env.CI, 'in CI they have been installed before').toBeUndefined()
  })
} else {
  describe('clients that take a socket use its device', () => {
    test('pg, with a connected stream', async () => {
      const bytes = await firstBytes(async () => {
        const socket = await to()
        const stream = Object.assign(socket, { connect: () => process.nextTick(() => socket.emit('connect')) })
        const database = new (client('pg').Client)({ user: 'me', stream: () => stream })
        database.on('error', () => {})
        await ends(database.connect())
      })
      // Protocol version 3.0.
      expect(bytes.readUInt32BE(4)).toBe(3 << 16)
    })

    test('pg, with a stream that it connects itself, is refused', async () => {
      const socket = await to()
      const moved = await movedDuring(async () => {
        const database = new (client('pg').Client)({ user: 'me', host: name, port, stream: () => socket })
        await expect(database.connect()).rejects.toMatchObject({ code: 'ERR_OFF_PATH' })
      })
      socket.destroy()
      expect(moved.wan1).toBe(0)
    })

    test('pg.Pool, with a client that asks for its socket', async () => {
      const bytes = await firstBytes(async () => {
        const { Client, Pool } = client('pg')
        class OverWan2 extends Client {
          connect(callback: (error?: unknown) => void) {
            to().then(socket => {
              const begin = () => process.nextTick(() => socket.emit('connect'))
              this.connection.stream = Object.assign(socket, { connect: begin })
              super.connect(callback)
            }, callback)
          }
        }
        const pool = new Pool({ user: 'me', Client: OverWan2 })
        pool.on('error', () => {})
        await ends(pool.query('select 1'))
        await pool.end()
      })
      expect(bytes.readUInt32BE(4)).toBe(3 << 16)
    })

    test('mqtt', async () => {
      const bytes = await firstBytes(async () => {
        const socket = await to()
        const broker = new (client('mqtt').MqttClient)(() => socket, { reconnectPeriod: 0 })
        broker.on('error', () => {})
        await once(broker, 'close')
        await broker.endAsync(true)
      })
      // A CONNECT packet with the protocol's name.
      expect(bytes[0]).toBe(0x10)
      expect(bytes.includes('MQTT')).toBe(true)
    })

    test('grpc-js, through a proxy that is bound to the device', async () => {
      const proxy = await listenProxy({ port: 0, device: 'wan2' })
      const { credentials, Client, logVerbosity, setLogVerbosity } = client('@grpc/grpc-js')
      setLogVerbosity(logVerbosity.NONE)
      vi.stubEnv('grpc_proxy', `http://127.0.0.1:${proxy.address().port}`)
      const bytes = await firstBytes(async () => {
        const grpc = new Client(`${name}:${port}`, credentials.createInsecure())
        // The server ends the connection, so it never becomes ready.
        const ready = new Promise(resolve => grpc.waitForReady(Date.now() + 2000, resolve))
        expect(await ready).toBeInstanceOf(Error)
        grpc.close()
      }).finally(() => {
        vi.unstubAllEnvs()
        return proxy.close()
      })
      expect(String(bytes)).toMatch(/^PRI \* HTTP\/2\.0/)
    })

    test('mysql2', async () => {
      const bytes = await firstBytes(async () => {
        const connection = client('mysql2').createConnection({ user: 'me', stream: await to(mysqlPort) })
        connection.on('error', () => {})
      })
      // The login packet, in answer to the greeting.
      expect(bytes.includes('me\0')).toBe(true)
    })

    test('ssh2', async () => {
      const bytes = await firstBytes(async () => {
        const ssh = new (client('ssh2').Client)()
        ssh.on('error', () => {})
        ssh.connect({ username: 'me', sock: await to() })
      })
      expect(String(bytes)).toMatch(/^SSH-2\.0-/)
    })

    test('nodemailer', async () => {
      const bytes = await firstBytes(() => {
        const mail = client('nodemailer').createTransport({
          host: name,
          port: mailPort,
          getSocket(_options: object, callback: (error: unknown, found?: object) => void) {
            to(mailPort).then(connection => callback(null, { connection }), callback)
          },
        })
        return ends(mail.verify())
      })
      expect(String(bytes)).toMatch(/^EHLO /)
    })
  })
}
