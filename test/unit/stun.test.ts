import { expect, onTestFinished, test } from 'vitest'
import { discoverNat, inspectLine, serveLine } from '../../src/index.js'
import { isCarrierShared, judgeCarrierNat } from '../../src/line/carrier-nat.js'
import type { NatFound } from '../../src/line/nat.js'
import type { Endpoint } from '../../src/protocols/stun/attributes.js'
import { testMapping } from '../../src/protocols/stun/behaviour.js'
import { type StunAnswer, StunClient } from '../../src/protocols/stun/client.js'
import { decodeMessage, encodeMessage, type Kind } from '../../src/protocols/stun/message.js'
import { openUdp } from '../../src/protocols/udp/open-udp.js'
import { a, fakeServer } from './dns-fake-server.js'
import { closedPort, httpServer } from './http-servers.js'

const transaction = 'b7e7a701bc34d686fa87dfae'
const bytes = (...words: string[]) => Buffer.from(words.join('').replaceAll(' ', ''), 'hex')

/** The test vectors in RFC 5769 sections 2.1 to 2.3. */
const request = bytes(
  `00010058 2112a442 ${transaction}`,
  '80220010 5354554e207465737420636c69656e74',
  '00240004 6e0001ff 80290008 932ff9b151263b36',
  '00060009 6576746a3a68367659202020',
  '00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2',
  '80280004 e57a3bcf',
)
const response4 = bytes(
  `0101003c 2112a442 ${transaction}`,
  '8022000b 7465737420766563746f7220',
  '00200008 0001a147e112a643',
  '00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7',
  '80280004 c07d4c96',
)
const response6 = bytes(
  `01010048 2112a442 ${transaction}`,
  '8022000b 7465737420766563746f7220',
  '00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9',
  '00080014 a382954e4be67bf11784c97c8292c275bfe3ed41',
  '80280004 c8fb0b4c',
)

test('the test vectors of RFC 5769', () => {
  const id = Buffer.from(transaction, 'hex')
  // PRIORITY (RFC 8445) is comprehension-required, and unknown here because it belongs to ICE.
  expect(decodeMessage(request)).toMatchObject({ kind: 'request', transaction: id, unknown: [0x0024] })
  expect(decodeMessage(response4)).toMatchObject({
    kind: 'success',
    transaction: id,
    mapped: { address: '192.0.2.1', port: 32_853 },
    unknown: [],
  })
  expect(decodeMessage(response6)?.mapped).toEqual({
    address: '2001:db8:1234:5678:11:2233:4455:6677',
    port: 32_853,
  })
})

test('a message with a wrong fingerprint, length or cookie is rejected', () => {
  for (const at of [3, 4, 30, response4.length - 1]) {
    const wrong = Buffer.from(response4)
    wrong[at]! ^= 4
    expect(decodeMessage(wrong)).toBeUndefined()
  }
  for (let length = 0; length < response4.length; length++)
    expect(decodeMessage(response4.subarray(0, length))).toBeUndefined()
})

test('encoded messages are decoded unchanged', () => {
  const id = Buffer.from(transaction, 'hex')
  const content = {
    mapped: { address: '2001:db8::7', port: 65_535 },
    origin: { address: '192.0.2.1', port: 3478 },
    other: { address: '192.0.2.2', port: 3479 },
    change: 6,
    error: { code: 420, reason: 'Unknown' },
    unknown: [],
  }
  for (const kind of ['request', 'success', 'error'] as Kind[])
    expect(decodeMessage(encodeMessage(kind, id, content))).toEqual({ kind, transaction: id, ...content })
})

/** Starts a server that answers each request with the messages that `respond` returns. */
async function answering(respond: (id: Buffer, count: number) => (Buffer | undefined)[], address = '127.0.0.1') {
  const socket = await openUdp({ host: address })
  onTestFinished(() => void socket.close())
  let count = 0
  socket.on('message', (message, { address, port }) => {
    for (const answer of respond(decodeMessage(message)!.transaction, ++count))
      if (answer) socket.send(answer, port, address)
  })
  return { to: { address, port: socket.address().port }, counted: () => count }
}

async function clientOf() {
  const client = await StunClient.open({}, 4)
  onTestFinished(() => client.close())
  return client
}

const mapped = { address: '192.0.2.9', port: 9 }
const { signal } = new AbortController()

test('a request is repeated, with the same transaction', async () => {
  const ids: string[] = []
  const { to } = await answering((id, count) => {
    ids.push(id.toString('hex'))
    return count < 3 ? [] : [encodeMessage('success', id, { mapped })]
  })
  const client = await clientOf()
  expect(await client.request({ to, timeout: 60_000, signal })).toMatchObject({ mapped, source: to })
  expect(ids).toEqual([ids[0], ids[0], ids[0]])
})

test("only an answer to the request counts, from the server's address", async () => {
  const stranger = await openUdp({ host: '127.0.0.1' })
  onTestFinished(() => void stranger.close())
  const client = await clientOf()
  const forged = { mapped: { address: '203.0.113.66', port: 66 } }
  const { to } = await answering(id => {
    stranger.send(encodeMessage('success', id, forged), client.port, '127.0.0.1')
    return [
      Buffer.from('no STUN'),
      encodeMessage('success', Buffer.alloc(12), forged),
      encodeMessage('request', id, forged),
      // Sent after the stranger's answer, because one socket's queue keeps the order.
      undefined,
    ]
  })
  expect(await client.request({ to, timeout: 300, signal })).toBeUndefined()
})

test('error responses, and answers with unknown required attributes, are failures', async () => {
  const client = await clientOf()
  const error = { code: 400, reason: 'Bad Request' }
  const refusing = await answering(id => [encodeMessage('error', id, { error })])
  await expect(client.request({ to: refusing.to, timeout: 60_000, signal })).rejects.toMatchObject({ code: 'ERR_STUN' })
  const long = { code: 400, reason: `\x1b[31m${'x'.repeat(30_000)}` }
  const shouting = await answering(id => [encodeMessage('error', id, { error: long })])
  const refused = client.request({ to: shouting.to, timeout: 60_000, signal })
  await expect(refused).rejects.toThrow(/it answered 400 "\\u001b\[31mx{195}…"$/)
  // Changes the type of UNKNOWN-ATTRIBUTES to an unassigned one.
  const odd = await answering(id => {
    const plain = encodeMessage('success', id, { mapped, unknown: [1, 2] }).subarray(0, -8)
    plain.writeUInt16BE(0x7001, 20)
    plain.writeUInt16BE(plain.length - 20, 2)
    return [plain]
  })
  await expect(client.request({ to: odd.to, timeout: 60_000, signal })).rejects.toMatchObject({ code: 'ERR_STUN' })
})

test("a server with one address shows the address, but not the NAT's behaviour", async () => {
  await using server = await serveLine({ hosts: ['127.0.0.1'], port: 0 })
  const nat = (await discoverNat(`127.0.0.1:${server.port}`)) as NatFound
  expect(nat).toMatchObject({ ok: true, translated: false, publicAddress: '127.0.0.1', localAddress: '127.0.0.1' })
  expect(nat.publicPort).toBe(nat.localPort)
  for (const verdict of [nat.mapping, nat.filtering])
    expect(verdict).toEqual({ behaviour: 'unknown', evidence: expect.stringContaining('no second address') })
})

test.each<[what: string, other: (own: Endpoint) => Endpoint, evidence: string]>([
  ['itself', own => own, 'no second address'],
  ['itself with another port', own => ({ ...own, port: own.port + 1 }), 'no second address'],
  ['another address with its port', ({ port }) => ({ address: '127.0.0.2', port }), 'no second address'],
  ['no address', () => ({ address: '0.0.0.0', port: 1 }), 'no second address'],
  ['no port', () => ({ address: '127.0.0.2', port: 0 }), 'no second address'],
  ['one of the other family', () => ({ address: '::1', port: 1 }), 'no second address'],
  ['one that no packet can be sent to', () => ({ address: '255.255.255.255', port: 1 }), '255.255.255.255'],
])('a server that names %s as its second address shows no behaviour', async (_what, other, evidence) => {
  const server = await openUdp({ host: '127.0.0.1' })
  onTestFinished(() => void server.close())
  const own = { address: '127.0.0.1', port: server.address().port }
  server.on('message', (message, { address, port }) => {
    const { transaction: id } = decodeMessage(message)!
    server.send(encodeMessage('success', id, { mapped: { address, port }, other: other(own) }), port, address)
  })
  const nat = await discoverNat(`127.0.0.1:${own.port}`, { timeout: 300 })
  const unknown = { behaviour: 'unknown', evidence: expect.stringContaining(evidence) }
  expect(nat).toMatchObject({ ok: true, mapping: unknown })
  if (evidence === 'no second address') expect(nat).toMatchObject({ filtering: unknown })
})

test('behind a translator to IPv4 (NAT64), the public address of an IPv6 path is an IPv4 address', async () => {
  const client = await StunClient.open({}, 6)
  onTestFinished(() => client.close())
  const { to } = await answering(id => [encodeMessage('success', id, { mapped })], '::1')
  expect(await client.request({ to, timeout: 60_000, signal })).toMatchObject({ mapped })
})

test.each([
  ['a port 0', { address: '203.0.113.7', port: 0 }],
  ['a group', { address: '224.0.0.1', port: 9 }],
  ['a broadcast address', { address: '255.255.255.255', port: 9 }],
  ['an IPv6 address of an IPv4 path', { address: '2001:db8::1', port: 9 }],
])('%s is no public address', async (_what, mapped) => {
  const client = await clientOf()
  const { to } = await answering(id => [encodeMessage('success', id, { mapped })])
  await expect(client.request({ to, timeout: 60_000, signal })).rejects.toThrow('its answer has no possible address')
})

test.each([
  ['endpoint-independent', [1, 1, 1]],
  ['address-dependent', [1, 2, 2]],
  ['address-and-port-dependent', [1, 2, 3]],
  ['unknown', [1, undefined, 1]],
  ['unknown', [1, 2, undefined]],
])('a mapping is %s if three destinations see ports %j', async (behaviour, [first, second, third]) => {
  const [server, other] = [
    { address: '192.0.2.1', port: 3478 },
    { address: '192.0.2.2', port: 3479 },
  ]
  const seen = (port: number) => ({ mapped: { address: '203.0.113.7', port }, other }) as StunAnswer
  const client = {
    request: async ({ to }: { to: typeof server }) => {
      const port = to.port === server.port ? second : third
      return to.address === other.address && port !== undefined ? seen(port) : undefined
    },
  }
  const test = { path: {}, family: 4, server, timeout: 1, signal } as const
  expect((await testMapping(test, client, seen(first!))).behaviour).toBe(behaviour)
})

test('a silent server is a result, and so is a server name that does not exist', async () => {
  const { to } = await answering(() => [])
  expect(await discoverNat(`127.0.0.1:${to.port}`, { timeout: 50 })).toMatchObject({
    ok: false,
    error: { code: 'ETIMEDOUT', port: to.port },
  })
  const dns = await fakeServer(() => ({ rcode: 3 }))
  onTestFinished(() => dns.close())
  expect(await discoverNat('stun.test', { servers: [dns.server] })).toMatchObject({
    ok: false,
    error: { code: 'ENOTFOUND' },
  })
})

test('only addresses of RFC 6598 show carrier NAT', () => {
  expect(['100.63.255.255', '100.64.0.0', '100.127.255.255', '100.128.0.0', '64:ff9b::1'].map(isCarrierShared)).toEqual(
    [false, true, true, false, false],
  )
  const nat = (publicAddress: string, translated = true) =>
    ({ ok: true, localAddress: '10.0.0.2', publicAddress, translated }) as NatFound
  expect(judgeCarrierNat(['10.0.0.2', '100.70.1.2'], undefined).verdict).toBe('yes')
  expect(judgeCarrierNat(['10.0.0.2'], nat('100.70.1.2')).verdict).toBe('yes')
  expect(judgeCarrierNat(['10.0.0.2'], nat('10.0.0.2', false)).verdict).toBe('no')
  expect(judgeCarrierNat(['10.0.0.2'], nat('203.0.113.7')).verdict).toBe('unknown')
  expect(judgeCarrierNat(['10.0.0.2'], undefined).verdict).toBe('unknown')
})

test('DNS tampering: an address for a missing name, and a different answer', async () => {
  const absent = /^[\da-f]{16}\.invalid$/
  const inventing = await fakeServer(({ question: { name } }) => ({ answers: [a(name, '192.0.2.80', 60)] }))
  const honest = (address: string) =>
    fakeServer(({ question: { name } }) => (absent.test(name) ? { rcode: 3 } : { answers: [a(name, address, 60)] }))
  const [one, same, other] = await Promise.all(['192.0.2.1', '192.0.2.1', '192.0.2.2'].map(honest))
  onTestFinished(() => {
    for (const server of [inventing, one!, same!, other!]) server.close()
  })
  const verdict = async (server: string, reference?: string) => {
    const compared = reference === undefined ? {} : { reference, name: 'fixed.test' }
    return (await inspectLine({ servers: [server], ...compared })).dnsTampering
  }
  expect(await verdict(inventing.server)).toMatchObject({
    verdict: 'yes',
    evidence: expect.stringContaining('192.0.2.80'),
  })
  expect((await verdict(one!.server)).verdict).toBe('no')
  expect((await verdict(one!.server, same!.server)).verdict).toBe('no')
  expect((await verdict(one!.server, other!.server)).verdict).toBe('yes')
  expect((await verdict(`127.0.0.1:${closedPort}`)).verdict).toBe('unknown')
})

test('a captive portal: redirected, answered instead of the server, or none', async () => {
  const dns = await fakeServer(() => ({ rcode: 3 }))
  onTestFinished(() => dns.close())
  const port = await httpServer((request, response) => {
    response.statusCode = request.url === '/free' ? 204 : request.url === '/page' ? 200 : 302
    response.setHeader('location', 'http://portal.test/login')
    response.end()
  })
  const verdict = async (path: string, at = port) => {
    const portal = `http://127.0.0.1:${at}/${path}`
    return (await inspectLine({ servers: [dns.server], portal })).captivePortal
  }
  expect(await verdict('free')).toMatchObject({ verdict: 'no' })
  expect(await verdict('page')).toMatchObject({ verdict: 'yes' })
  expect(await verdict('moved')).toEqual({ verdict: 'yes', evidence: 'the answer redirects to portal.test' })
  expect(await verdict('free', closedPort)).toMatchObject({ verdict: 'unknown' })
})
