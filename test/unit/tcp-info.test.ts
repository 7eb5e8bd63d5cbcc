import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { endianness } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { openDescriptor } from '../../src/sockets/open.js'
import { decodeTcpInfo, tcpInfo } from '../../src/sockets/tcp-info.js'

let server: Server
let port: number
beforeAll(async () => {
  server = createServer(socket => void socket.on('error', () => {}).pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as { port: number }).port
})
afterAll(() => server.close())

test('reads a Node connection, by socket and by descriptor', async () => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(Buffer.alloc(10_000))
  let received = 0
  while (received < 10_000) received += (await once(socket, 'data'))[0].length
  const info = tcpInfo(socket)
  expect(info).toMatchObject({ state: 'established', bytesReceived: 10_000, retransmits: 0, lost: 0 })
  expect(info.bytesSent).toBe(10_000)
  expect(info.rttMs).toBeGreaterThan(0)
  expect(info.rttMs).toBeLessThan(1000)
  expect(info.minRttMs).toBeLessThanOrEqual(info.rttMs! + info.rttVarMs! * 4)
  expect(info.pathMtu).toBeGreaterThan(1000)
  expect(info.mss).toBeLessThan(info.pathMtu!)
  expect(info.congestionWindow).toBeGreaterThan(0)
  expect(info.deliveryRate).toBeGreaterThan(0)
  expect(tcpInfo(descriptorOf(socket)).bytesSent).toBe(10_000)
  socket.destroy()
})

test('a listener is a TCP socket too', () => expect(tcpInfo(descriptorOf(server)).state).toBe('listen'))

test('refuses objects without a descriptor, and other sockets', async () => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
  await once(socket, 'close')
  expect(() => tcpInfo(socket)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  expect(() => tcpInfo(-1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  expect(() => tcpInfo(1_000_000)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  const datagram = openDescriptor(4, 'datagram', 0, {})
  expect(() => tcpInfo(datagram)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/ENOTSUP|ENOPROTOOPT/), syscall: 'getsockopt(TCP_INFO)' }),
  )
  addon().close(datagram)
})

test('each field has the offset in linux/tcp.h', () => {
  const bytes = new Uint8Array(240)
  const view = new DataView(bytes.buffer)
  const little = endianness() === 'LE'
  bytes[0] = 4
  bytes[5] = 1
  const u32 = {
    8: 204_000,
    16: 1448,
    20: 536,
    24: 3,
    28: 0,
    32: 2,
    44: 11,
    52: 12,
    60: 1500,
    68: 10_500,
    72: 2_250,
    76: 7,
    80: 10,
  }
  const more = { 92: 20_000, 100: 5, 136: 40, 140: 41, 144: 9, 148: 9_750, 192: 42 }
  for (const [at, value] of Object.entries({ ...u32, ...more })) view.setUint32(Number(at), value, little)
  const u64 = {
    104: 1_000_000n,
    120: 71n,
    128: 72n,
    160: 2n ** 40n,
    168: 9_000n,
    176: 8_000n,
    184: 7_000n,
    200: 73n,
    208: 74n,
  }
  for (const [at, value] of Object.entries(u64)) view.setBigUint64(Number(at), value, little)
  expect(decodeTcpInfo(bytes)).toEqual({
    state: 'fin-wait-1',
    rttMs: 10.5,
    rttVarMs: 2.25,
    minRttMs: 9.75,
    receiveRttMs: 20,
    rtoMs: 204,
    retransmits: 5,
    lost: 2,
    unacknowledged: 3,
    mss: 1448,
    receiveMss: 536,
    pathMtu: 1500,
    congestionWindow: 10,
    slowStartThreshold: 7,
    deliveryRate: 2 ** 40,
    pacingRate: 1_000_000,
    unsentBytes: 9,
    bytesSent: 73,
    bytesRetransmitted: 74,
    bytesAcknowledged: 71,
    bytesReceived: 72,
    segmentsSent: 40,
    segmentsReceived: 41,
    segmentsDelivered: 42,
    timestamps: true,
    busyMs: 9,
    receiveWindowLimitedMs: 8,
    sendBufferLimitedMs: 7,
    lastSentMs: 11,
    lastReceivedMs: 12,
  })
})

test('an older kernel returns less, and unmeasured fields are undefined', () => {
  const old = decodeTcpInfo(new Uint8Array(104).fill(1))
  expect(old).toMatchObject({ state: 'established', retransmits: 0x01010101 })
  for (const field of [
    'minRttMs',
    'deliveryRate',
    'bytesSent',
    'bytesReceived',
    'pacingRate',
    'unsentBytes',
  ] as const) {
    expect(old[field], field).toBeUndefined()
  }
  const fresh = new Uint8Array(240)
  fresh[0] = 2
  fresh.fill(0xff, 148, 152)
  expect(decodeTcpInfo(fresh)).toMatchObject({
    state: 'syn-sent',
    rttMs: undefined,
    rttVarMs: undefined,
    minRttMs: undefined,
  })
  expect(decodeTcpInfo(new Uint8Array(0)).state).toBe('unknown')
})
