import { expect, test } from 'vitest'
import { type LookedAt, TrafficJudge } from '../../src/monitor/metered/traffic.js'
import { parseIP } from '../../src/sockets/ip.js'
import { decodeTcpConnection, encodeTcpRequest, type TcpConnection } from '../../src/system/netlink/tcp-connections.js'

/** A connection as reported by NETLINK_SOCK_DIAG on Linux 6.18, without the end of its tcp_info. */
const info =
  '010000000007aa01e01c0300000000000080000018020000000000000000000000000000000000000000000054080000000000007408000054080000ffff0000d7ff000024000000'
const attributes = `050008000000000008000f00000000000c001500010000000000000006001600520000004c000200${info}`
const captured4 = `02010000bf4091af7f0000010000000000000000000000007f00000100000000000000000000000000000000cd620700000000000000000000000000000000000000000014f9b900${attributes}`
const mapped = `0a01000091afc62a00000000000000000000ffff7f00000100000000000000000000ffff7f00000100000000b4660700000000000000000000000000000000000000000001fcb900${attributes}`
const captured6 = `0a01000091afc2f6000000000000000000000000000000010000000000000000000000000000000100000000c763070000000000000000000000000000000000000000005bfab900${attributes}`
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))

test("connections are decoded from a kernel's message", () => {
  const local4 = parseIP('127.0.0.1')
  const common = { deviceIndex: 0, mark: 0, timeouts: 0, lastAckMs: 2132, rttMs: 0.036 }
  expect(decodeTcpConnection(bytes(captured4))).toEqual({ local: local4, remote: local4, ...common })
  expect(decodeTcpConnection(bytes(mapped))).toEqual({ local: local4, remote: local4, ...common })
  const local6 = parseIP('::1')
  expect(decodeTcpConnection(bytes(captured6))).toEqual({ local: local6, remote: local6, ...common })
})

test('timeouts count only while data is unacknowledged', () => {
  /** The offset of `struct tcp_info`. */
  const at = 72 + 8 + 8 + 12 + 8 + 4
  const message = bytes(captured4)
  message[at + 2] = 2
  expect(decodeTcpConnection(message)!.timeouts).toBe(0)
  message[at + 24] = 1
  expect(decodeTcpConnection(message)!.timeouts).toBe(2)
  message[40] = 7
  expect(decodeTcpConnection(message)!.deviceIndex).toBe(7)
})

test('a message that is cut off anywhere is rejected', () => {
  const whole = bytes(captured4)
  for (let length = 0; length < whole.length; length++)
    expect(decodeTcpConnection(whole.subarray(0, length))).toBe(undefined)
  expect(encodeTcpRequest(2)).toHaveLength(56)
})

const index = 5
const own = ['198.51.100.2', '2001:db8:2::2']
const addresses = own.map(address => ({ bytes: parseIP(address), prefixLength: address.includes(':') ? 64 : 24 }))
const idle: LookedAt = { index, addresses, rxPackets: 0, txPackets: 0 }

function connection(remote: string, changed: Partial<TcpConnection> = {}): TcpConnection {
  const local = parseIP(own[Number(remote.includes(':'))]!)
  return {
    local,
    remote: parseIP(remote),
    deviceIndex: index,
    mark: 0,
    timeouts: 0,
    lastAckMs: 5,
    rttMs: 20,
    ...changed,
  }
}

const says = (connections: TcpConnection[], leaves = true, elapsed = 100) =>
  new TrafficJudge(() => leaves).judge(idle, connections, elapsed, 0)?.says

test('an acknowledgement since the last look proves that the line works', () => {
  for (const remote of ['203.0.113.1', '2001:db8:ff::1']) {
    expect(says([connection(remote)])).toBe('works')
    expect(says([connection(remote, { deviceIndex: 0 })])).toBe('works')
    expect(says([connection(remote, { lastAckMs: 150 })])).toBe(undefined)
    // The first look has no previous one to compare with.
    expect(says([connection(remote)], true, -1)).toBe(undefined)
  }
})

test('traffic on the link, to the provider, or through another device proves nothing', () => {
  const near = ['198.51.100.1', '10.0.0.1', '172.31.0.1', '192.168.100.1', '100.64.0.1', '169.254.1.1', '127.0.0.1']
  for (const remote of [...near, '2001:db8:2::1', 'fe80::1', 'fd00::1', '::1']) {
    expect(says([connection(remote)])).toBe(undefined)
    expect(says([connection(remote, { timeouts: 1, lastAckMs: 500 })])).toBe(undefined)
  }
  expect(says([connection('203.0.113.1', { deviceIndex: 9 })])).toBe(undefined)
  expect(says([connection('203.0.113.1', { deviceIndex: 0, local: parseIP('192.0.2.2') })])).toBe(undefined)
  expect(says([connection('203.0.113.1')], false)).toBe(undefined)
})

test('retransmissions are suspicious, unless another connection gets answers or they last too long', () => {
  const stalled = connection('203.0.113.1', { timeouts: 1, lastAckMs: 500 })
  expect(says([stalled])).toBe('stalled')
  expect(says([stalled, connection('203.0.113.2')])).toBe('works')
  expect(says([{ ...stalled, timeouts: 4 }])).toBe(undefined)
  expect(new TrafficJudge(() => true).judge(idle, [stalled], 100, 0)).toEqual({ says: 'stalled', rttMs: 20 })
})

test('sent packets are suspicious if none arrives for a second', () => {
  const judge = new TrafficJudge(() => true)
  const look = (rxPackets: number, txPackets: number, now: number) =>
    judge.judge({ ...idle, rxPackets, txPackets }, [], 100, now)?.says
  expect(look(10, 20, 0)).toBe(undefined)
  expect(look(10, 25, 100)).toBe(undefined)
  expect(judge.awaits(200)).toBe(true)
  expect(look(10, 25, 1000)).toBe(undefined)
  expect(look(10, 25, 1100)).toBe('unanswered')
  expect(look(11, 40, 1200)).toBe(undefined)
  expect(judge.awaits(1300)).toBe(false)
  // Two packets can be the end of a connection as well as a request.
  expect(look(11, 42, 1300)).toBe(undefined)
  expect(look(11, 42, 5000)).toBe(undefined)
})
