import { createSocket } from 'node:dgram'
import { type Answer, encode } from 'dns-packet'
import { afterAll, describe, expect, test } from 'vitest'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { lookUpHost } from '../../src/protocols/dns/addresses.js'
import { createLookup } from '../../src/protocols/dns/lookup.js'
import { parseResolvConf } from '../../src/protocols/dns/resolv-conf.js'
import { resolve, resolveFirst } from '../../src/protocols/dns/resolve.js'
import { parseDnsServer } from '../../src/protocols/dns/server-address.js'
import { connect } from '../../src/protocols/tcp/connect.js'
import { atOnce } from './at-once.js'
import { type Asked, a, fakeServer, type Reply } from './dns-fake-server.js'
import { tcpServer } from './http-servers.js'

const servers: Awaited<ReturnType<typeof fakeServer>>[] = []
// Not after each test, because netvia would apply what it knows about a server to the next one on the same port.
afterAll(() => {
  for (const server of servers) server.close()
})

async function serve(reply: (asked: Asked, count: number) => Reply | Reply[] | Promise<Reply>) {
  let count = 0
  const server = await fakeServer(asked => reply(asked, ++count))
  servers.push(server)
  return server
}

const answer = ({ question: { name } }: Asked) => ({ answers: [a(name, '192.0.2.1')] })
const later = async (ms: number, reply: Reply) => {
  await new Promise(done => setTimeout(done, ms))
  return reply
}

async function timed(work: Promise<unknown>) {
  const start = performance.now()
  const result = await work
  return { result, ms: performance.now() - start }
}

const found = [{ address: '192.0.2.1' }]

describe('within the time limit', () => {
  test('a lost datagram is sent again after at most a second', async () => {
    const { server } = await serve((asked, count) => (count <= 2 ? undefined : answer(asked)))
    const { result, ms } = await timed(resolve('x.example', { family: 4, timeout: 10_000, servers: [server] }))
    expect(result).toMatchObject(found)
    expect(ms).toBeLessThan(2500)
  })

  test('a silent first server costs 300 ms', async () => {
    const silent = await serve(() => undefined)
    const good = await serve(answer)
    const list = [silent.server, good.server]
    const { result, ms } = await timed(resolve('x.example', { family: 4, servers: list }))
    expect(result).toMatchObject(found)
    expect(ms).toBeGreaterThan(250)
    expect(ms).toBeLessThan(1000)
  })

  test('every caller has the same schedule', async () => {
    const silent = await serve(() => undefined)
    const good = await serve(({ question: { name, type } }) => ({
      answers: type === 'A' ? [a(name, '127.0.0.1')] : [],
    }))
    const list = [silent.server, good.server]
    const port = await tcpServer(socket => socket.end())
    const target = { host: 'x.example', port, servers: list, timeout: 5000 }
    const http = checkHttp(`http://x.example:${port}/`, { servers: list, timeout: 2000 })
    const lookup = createLookup({ servers: list })
    const times = await Promise.all([
      timed(connect(target).then(socket => socket.destroy())),
      timed(http).then(({ result }) => ({ ms: (result as Awaited<typeof http>).timings.dnsMs! })),
      timed(
        new Promise((done, fail) => lookup('x.example', (error, address) => (error ? fail(error) : done(address)))),
      ),
    ])
    for (const { ms } of times) {
      expect(ms).toBeGreaterThan(250)
      expect(ms).toBeLessThan(1500)
    }
  })

  test('an answer to an earlier try counts after later ones too', async () => {
    const slow = await serve(asked => later(1500, answer(asked)))
    const silent = await serve(() => undefined)
    const list = [slow.server, silent.server, silent.server]
    const { result, ms } = await timed(resolve('x.example', { family: 4, timeout: 4000, servers: list }))
    expect(result).toMatchObject(found)
    expect(ms).toBeLessThan(2500)
    expect(silent.asked.length).toBeGreaterThan(1)
  })

  test('silence is an error that names every server, and whose fields show that it was DNS', async () => {
    const one = await serve(() => undefined)
    const two = await serve(() => undefined)
    const list = [one.server, two.server]
    const fields = {
      syscall: 'resolve',
      hostname: 'x.example',
      address: '127.0.0.1',
      port: parseDnsServer(one.server)!.port,
    }
    const message = expect.stringContaining(`no answer from ${one.server} or ${two.server}`)
    await expect(resolve('x.example', { timeout: 200, servers: list })).rejects.toMatchObject({
      ...{ code: 'ETIMEOUT', message, ...fields },
    })
    await expect(connect({ host: 'x.example', port: 1, timeout: 200, servers: list })).rejects.toMatchObject({
      ...{ code: 'ETIMEDOUT', message, ...fields },
    })
    const { error } = await checkHttp('http://x.example/', { timeout: 200, servers: list })
    expect(error).toMatchObject({ code: 'ETIMEDOUT', message, ...fields })
  })
})

describe('a server that cannot be asked is skipped', () => {
  test('and named if no other server answers', async () => {
    const good = await serve(answer)
    const zone = '[fe80::1%usb9]:53'
    expect(await resolve('x.example', { family: 4, servers: [zone, good.server] })).toMatchObject(found)
    const six = { family: 4, localAddress: '127.0.0.1', servers: ['[2001:db8::53]:53', good.server] } as const
    expect(await resolve('x.example', six)).toMatchObject(found)
    await expect(resolve('x.example', { servers: [zone] })).rejects.toMatchObject({
      code: 'ENETUNREACH',
      syscall: 'resolve',
      message: expect.stringContaining('fe80::1%usb9'),
    })
    const refusing = await serve(() => ({ rcode: 5 }))
    await expect(resolve('x.example', { servers: [zone, refusing.server] })).rejects.toMatchObject({
      code: 'EAI_AGAIN',
      message: expect.stringMatching(/says REFUSED, fe80::1%usb9 names a device/),
    })
  })
})

describe('after a refusal, the next server is asked', () => {
  const header = (id: number, rcode: number, questions: number) =>
    Uint8Array.from([id >> 8, id & 255, 0x81, 0x80 | rcode, 0, questions, 0, 0, 0, 0, 0, 0])
  test.each([
    ['FORMERR', 1],
    ['SERVFAIL', 2],
    ['NOTIMP', 4],
    ['REFUSED', 5],
  ])('%s, in every form', async (_name, rcode) => {
    const forms: ((asked: Asked) => Reply)[] = [
      () => ({ rcode }),
      () => ({ rcode, questions: [] }),
      ({ id }) => header(id, rcode, 0),
      ({ id }) => header(id, rcode, 1),
    ]
    for (const form of forms) {
      const refusing = await Promise.all(Array.from({ length: 8 }, () => serve(form)))
      const good = await serve(answer)
      const list = [...refusing, good].map(({ server }) => server)
      const { result, ms } = await timed(resolve('x.example', { family: 4, servers: list }))
      expect(result).toMatchObject(found)
      // A silent server costs 300 ms per question.
      expect(ms).toBeLessThan(8 * 300 - atOnce)
    }
  })
})

/** The upper eight bits of the code 16. */
const badVersion = { extendedRcode: 1, flags: 0, flag_do: false, options: [] }

describe('EDNS', () => {
  const withoutEdns: [string, (asked: Asked) => Reply][] = [
    ['drops it', asked => (asked.edns ? undefined : answer(asked))],
    ['says FORMERR', asked => (asked.edns ? { rcode: 1 } : answer(asked))],
    ['says NOTIMP', asked => (asked.edns ? { rcode: 4, questions: [] } : answer(asked))],
    [
      'says BADVERS',
      asked => {
        if (!asked.edns) return answer(asked)
        const { question, id } = asked
        // Its low four bits are those of NOERROR (RFC 6891 section 6.1.3).
        const opt: Answer = { ...{ type: 'OPT', name: '.', udpPayloadSize: 1232, ednsVersion: 0 }, ...badVersion }
        return encode({ type: 'response', id, flags: 0x180, questions: [question], additionals: [opt] })
      },
    ],
    [
      'puts the answer into the wrong section',
      asked => {
        if (!asked.edns) return answer(asked)
        const { question, id } = asked
        const authorities = [a(question.name, '192.0.2.66')]
        return encode({ type: 'response', id, flags: 0x180, questions: [question], authorities })
      },
    ],
  ]
  test.each(withoutEdns)('a server that %s is soon asked without it, and always after that', async (_what, reply) => {
    const { server, asked } = await serve(reply)
    const ask = () => timed(resolve('x.example', { family: 4, servers: [server] }))
    const first = await ask()
    expect(first.result).toMatchObject(found)
    // A server that drops EDNS costs 300 ms.
    expect(first.ms).toBeLessThan(300 + atOnce)
    expect(asked.map(({ edns }) => edns)).toEqual([true, false])
    await ask()
    expect(asked.map(({ edns }) => edns)).toEqual([true, false, false])
  })

  test("a slow server that supports EDNS is not treated as one that doesn't", async () => {
    const { server, asked } = await serve(answer)
    for (let i = 0; i < 3; i++) await resolve('x.example', { family: 4, servers: [server] })
    expect(asked.map(({ edns }) => edns)).toEqual([true, true, true])
  })
})

describe('AAAA without an answer', () => {
  const onlyA = (asked: Asked) => (asked.question.type === 'A' ? answer(asked) : undefined)
  test('IPv4 is used after the resolution delay', async () => {
    const { server } = await serve(onlyA)
    const conf = { ...parseResolvConf(''), servers: [parseDnsServer(server)!] }
    const told: unknown[] = []
    const { ms } = await timed(
      lookUpHost('x.example', [6, 4], { conf, path: {}, patience: 50 }, (family, list) =>
        told.push([family, list.length]),
      ),
    )
    expect(told).toEqual([
      [4, 1],
      [6, 0],
    ])
    expect(ms).toBeLessThan(1000)
    const lookup = createLookup({ servers: [server] })
    const looked = await timed(
      new Promise((done, fail) => lookup('x.example', (error, address) => (error ? fail(error) : done(address)))),
    )
    expect(looked.result).toBe('192.0.2.1')
    expect(looked.ms).toBeLessThan(1000)
    expect((await resolveFirst('localhost', { family: 4 })).address).toBe('127.0.0.1')
  })

  test('a list of both families does not wait ten seconds for AAAA', async () => {
    const { server } = await serve(onlyA)
    const { result, ms } = await timed(resolve('x.example', { servers: [server] }))
    expect(result).toMatchObject(found)
    expect(ms).toBeLessThan(4000)
  })
})

test('a missing server on this machine ends the question, because the kernel reports it', async () => {
  const probe = createSocket('udp4')
  await new Promise<void>(done => probe.bind(0, '127.0.0.1', done))
  const { port } = probe.address()
  probe.close()
  const { result, ms } = await timed(
    resolve('x.example', { family: 4, servers: [`127.0.0.1:${port}`] }).catch(error => error.code),
  )
  expect(result).toBe('ECONNREFUSED')
  expect(ms).toBeLessThan(atOnce)
})
