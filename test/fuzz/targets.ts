// The targets of tools/fuzz/run.mjs: every decoder of input from the network, the kernel or a file. A target throws if the decoder
// breaks a promise. It catches the errors that the decoder may throw.
import { isIP } from 'node:net'
import { NetviaError } from '../../src/errors.js'
import type { MonitorOptions } from '../../src/monitor/options.js'
import { settingsOf } from '../../src/monitor/settings.js'
import { followChain, toRecord } from '../../src/protocols/dns/answer.js'
import { parseHosts } from '../../src/protocols/dns/hosts.js'
import { decodeResponse, encodeQuery } from '../../src/protocols/dns/message.js'
import { parseResolvConf } from '../../src/protocols/dns/resolv-conf.js'
import { readPlainHead } from '../../src/protocols/http/response-head.js'
import { decode } from '../../src/protocols/icmp/packet/decode.js'
import { encode } from '../../src/protocols/icmp/packet/encode.js'
import { decodeQuotedPacket } from '../../src/protocols/icmp/packet/quoted-packet.js'
import { decodeAddress } from '../../src/sockets/address.js'
import { decodeTcpInfo } from '../../src/sockets/tcp-info.js'
import { decodeConnection } from '../../src/system/netlink/conntrack.js'
import { decodeLink, decodeRunning } from '../../src/system/netlink/link.js'
import { decodeLinkAddress } from '../../src/system/netlink/link-address.js'
import { decodeMessages } from '../../src/system/netlink/message.js'
import { decodeNeighbour, decodeSilentNeighbour } from '../../src/system/netlink/neighbour.js'
import { decodeNexthop } from '../../src/system/netlink/nexthop.js'
import { decodeChosenHop, decodeDefaultRoute, decodeRoute } from '../../src/system/netlink/route.js'
import { decodeRule } from '../../src/system/netlink/rule.js'
import { decodeTcpConnection } from '../../src/system/netlink/tcp-connections.js'
import { judgeByNode } from './node-http-parser.js'

function expect(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`broken: ${promise}`)
}

/** Allows a decoder to reject its input with a NetviaError, but with no other error. */
function mayRefuse<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof NetviaError) return undefined
    throw error
  }
}

export function icmp(data: Buffer): void {
  const family = data[0]! & 1 ? 6 : 4
  const bytes = new Uint8Array(data.subarray(1))
  const message = mayRefuse(() => decode(bytes, family))
  if (message) {
    // A decoded message can be encoded again, or is rejected with a NetviaError.
    const again = mayRefuse(() => encode(message))
    if (again) expect(decode(again, family).kind === message.kind, 'a message read, written and read is of its kind')
  }
  const quoted = decodeQuotedPacket(bytes)
  if (quoted) {
    expect(isIP(quoted.source) === quoted.family && isIP(quoted.destination) === quoted.family, 'addresses are ones')
  }
  decodeAddress(bytes)
  decodeTcpInfo(bytes)
}

export function netlink(data: Buffer): void {
  const bytes = new Uint8Array(data)
  const decoders = [
    decodeLink,
    decodeLinkAddress,
    decodeRoute,
    decodeDefaultRoute,
    decodeChosenHop,
    decodeNeighbour,
    decodeSilentNeighbour,
    decodeNexthop,
    decodeRule,
    decodeConnection,
    decodeTcpConnection,
  ]
  for (const payload of [...decodeMessages(bytes)].map(({ payload }) => payload).concat(bytes)) {
    for (const read of decoders) read(payload)
    const link = decodeLink(payload)
    const running = decodeRunning(payload)
    expect(!link || running?.[1] === link.running, 'a link runs, whichever way it is read')
  }
}

const query = { id: 0x1234, name: 'a.test', edns: true } as const
const types = ['A', 'AAAA', 'TXT', 'MX', 'SRV', 'NS', 'SOA', 'CNAME', 'PTR', 'CAA'] as const

export function dns(data: Buffer): void {
  const type = types[(data[0] ?? 0) % types.length]!
  const bytes = new Uint8Array(data.subarray(1))
  // Measures CPU time, because other processes run too.
  const started = process.cpuUsage()
  const response = decodeResponse(bytes, { ...query, type })
  for (const record of (response && followChain(response.answers, query.name, type)) ?? []) {
    toRecord(record)
    if (type === 'A') expect(isIP(record.data as string) === 4, 'an A record is an IPv4 address')
    if (type === 'AAAA') expect(isIP(record.data as string) === 6, 'an AAAA record is an IPv6 address')
    expect(record.ttl >= 0 && record.ttl <= 0x7fff_ffff, 'a time to live is a number of seconds')
  }
  const { user, system } = process.cpuUsage(started)
  expect(user + system < 1_000_000, 'no message costs a second')
  // Starts with a valid header and question, so that the fuzzer reaches the records without guessing those.
  const question = encodeQuery({ ...query, type })
  const answer = Buffer.concat([question, bytes])
  answer.writeUInt16BE(0x8180, 2)
  answer.writeUInt16BE((data[0] ?? 0) % 8, 6)
  answer.writeUInt16BE(0, 10)
  const known = decodeResponse(answer.subarray(0, 65_535), { ...query, type })
  if (known) followChain(known.answers, query.name, type)
}

export function files(data: Buffer): void {
  const text = data.toString('utf8')
  const { servers, ndots, timeout, attempts } = parseResolvConf(text)
  expect(servers.length >= 1, 'there is a server')
  for (const { address } of servers) expect(isIP(address.replace(/%.*/, '')) !== 0, 'a server is an address')
  expect(ndots <= 15 && timeout >= 1000 && timeout <= 30_000 && attempts >= 1 && attempts <= 5, 'options keep limits')
  for (const addresses of parseHosts(text).values()) {
    for (const { address, family } of addresses) expect(isIP(address) === family, 'an address is of its family')
  }
}

export function options(data: Buffer): void {
  let value: unknown
  try {
    value = JSON.parse(data.toString('utf8'))
  } catch {
    return
  }
  const settings = mayRefuse(() => settingsOf(value as MonitorOptions))
  if (settings) expect(settings.uplinks.length > 0, 'a monitor has something to watch')
}

/** Node's parser must read a response in the same way as netvia's. */
export function http(data: Buffer): void {
  const method = data[0]! & 1 ? 'HEAD' : 'GET'
  const bytes = data.subarray(1)
  const head = readPlainHead(bytes, method)
  if (!head) return
  const node = judgeByNode(bytes, method)
  const body = bytes.subarray(head.length, head.length + head.bodyLength)
  expect(node.status === head.statusCode, 'the status is the one that Node reads')
  expect(node.version === head.httpVersion, 'the version is the one that Node reads')
  expect(node.body.equals(body), 'the body is the one that Node reads')
  expect(node.complete === (body.length === head.bodyLength), 'the message ends where Node has it end')
  const distinct: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < node.rawHeaders.length; i += 2) {
    const name = node.rawHeaders[i]!.toLowerCase()
    distinct[name] ??= []
    distinct[name].push(node.rawHeaders[i + 1]!)
  }
  expect(JSON.stringify(distinct) === JSON.stringify(head.headersDistinct), 'the fields are those that Node reads')
}
