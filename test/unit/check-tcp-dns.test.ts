import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { checkDns } from '../../src/checks/check-dns.js'
import { checkTcp } from '../../src/checks/check-tcp.js'
import { a, aaaa, fakeServer, type Reply } from './dns-fake-server.js'
import { closedPort, silentUdpPort, stalledPort, tcpServer } from './http-servers.js'
import { openSockets } from './open-sockets.js'
import { expectPromptAbort } from './prompt-abort.js'

const device = 'lo'
const host = '127.0.0.1'

async function nameServer(reply: Reply) {
  const server = await fakeServer(() => reply)
  onTestFinished(() => server.close())
  return [server.server]
}

describe('checkTcp', () => {
  test('an open port, which is closed again immediately', async () => {
    let closed = 0
    const port = await tcpServer(socket => socket.resume().on('close', () => closed++))
    const result = await checkTcp({ host, port, device })
    expect(result).toMatchObject({ ok: true, localAddress: host, remoteAddress: host, error: undefined })
    expect(result.latencyMs).toBeGreaterThan(0)
    await expect.poll(() => closed, { timeout: 5000 }).toBe(1)
  })

  test('a port that answers during the call needs one system call for the local address', async () => {
    const port = await tcpServer(socket => void socket.resume())
    const asked = vi.spyOn(addon(), 'getsockname')
    onTestFinished(() => asked.mockRestore())
    expect(await checkTcp({ host, port, device })).toMatchObject({ ok: true, localAddress: host })
    expect(asked).toHaveBeenCalledTimes(1)
  })

  test('refused, silent: values', async () => {
    const nothing = { ok: false, latencyMs: undefined, localAddress: undefined, remoteAddress: undefined }
    expect(await checkTcp({ host, port: closedPort, device })).toMatchObject({
      ...nothing,
      error: { code: 'ECONNREFUSED', port: expect.any(Number), device },
    })
    const port = await stalledPort()
    const before = await openSockets()
    const silent = await checkTcp({ host, port, device, timeout: 100 })
    expect(silent).toMatchObject({ ...nothing, error: { code: 'ETIMEDOUT' } })
    expect(await openSockets()).toBe(before)
  })

  test('local errors reject', async () => {
    const right = { host, port: 1 }
    for (const wrong of [{ host }, { port: 1 }, { ...right, port: 0 }, { ...right, timeout: -1 }, { ...right, x: 1 }]) {
      await expect(checkTcp(wrong as typeof right)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    }
    await expect(checkTcp({ ...right, device: 'nosuch0' })).rejects.toMatchObject({ code: 'ENODEV' })
    await expect(checkTcp({ ...right, localAddress: '192.0.2.1' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
    await expect(checkTcp({ ...right, localAddress: '::1' })).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
  })

  test('abort', async () => {
    const port = await stalledPort()
    await expectPromptAbort(signal => checkTcp({ host, port, device, signal }))
  })

  test('abort in the turn of the call, in which the port has accepted', async () => {
    const port = await tcpServer(socket => void socket.resume())
    const controller = new AbortController()
    const checked = checkTcp({ host, port, device, signal: controller.signal })
    controller.abort('enough')
    await expect(checked).rejects.toBe('enough')
  })
})

describe('checkDns', () => {
  test('answers, and the server that sent them', async () => {
    const servers = await nameServer({ answers: [a('a.test', '192.0.2.1'), a('a.test', '192.0.2.2')] })
    const result = await checkDns('a.test', { servers })
    expect(result).toMatchObject({ ok: true, server: servers[0], error: undefined })
    expect(result.answers).toHaveLength(2)
    expect(result.answers).toContainEqual({ address: '192.0.2.1', family: 4, ttl: 60 })
    expect(result.latencyMs).toBeGreaterThan(0)
  })

  test.each([
    ['192.0.2.1', true],
    [['192.0.2.1', /^192\.0\.2\.2$/], true],
    ['192.0.2.3', false],
    [['192.0.2.1', '192.0.2.3'], false],
    [/^10\./, false],
  ])('expect %o: %s', async (expected, ok) => {
    const servers = await nameServer({ answers: [a('a.test', '192.0.2.1'), a('a.test', '192.0.2.2')] })
    const result = await checkDns('a.test', { servers, expect: expected })
    expect(result).toMatchObject({ ok, error: ok ? undefined : { code: 'ERR_DNS_ANSWER', name: 'NetviaError' } })
    expect(result.answers).toHaveLength(2)
  })

  test('expects the text of other records', async () => {
    const servers = await nameServer({ answers: [{ type: 'TXT', name: 'a.test', data: ['v=spf1 ', '-all'], ttl: 60 }] })
    expect(await checkDns('a.test', { servers, type: 'TXT', expect: 'v=spf1 -all' })).toMatchObject({
      ...{ ok: true, answers: [{ type: 'TXT', data: ['v=spf1 ', '-all'] }] },
    })
  })

  test.each([['2001:db8:0:0:1::'], ['2001:DB8:0:0:1:0:0.0.0.0'], ['2001:db8::1:0:0:0']])(
    'an address as %s',
    async text => {
      const servers = await nameServer({ answers: [aaaa('a.test', '2001:db8:0:0:1:0:0:0')] })
      const result = await checkDns('a.test', { servers, type: 'AAAA', expect: text })
      expect(result).toMatchObject({ ok: true, answers: [{ address: '2001:db8:0:0:1::' }] })
    },
  )

  test('the hosts file is not used', async () => {
    const servers = await nameServer({ rcode: 3 })
    expect(await checkDns('ip6-loopback', { servers })).toMatchObject({ ok: false, error: { code: 'ENOTFOUND' } })
  })

  test('an address is its own answer', async () => {
    const result = await checkDns('127.0.0.1')
    expect(result).toMatchObject({ ok: true, answers: [{ address: '127.0.0.1' }], server: undefined })
    expect(result.latencyMs).toBeGreaterThanOrEqual(0)
  })

  test('no such name, no such record, a server that fails: values, with the server', async () => {
    for (const [reply, code] of [
      [{ rcode: 3 }, 'ENOTFOUND'],
      [{ answers: [] }, 'ENODATA'],
      [{ rcode: 2 }, 'EAI_AGAIN'],
    ] as const) {
      const servers = await nameServer(reply as Reply)
      const result = await checkDns('a.test', { servers })
      expect(result).toMatchObject({ ok: false, answers: [], server: servers[0], error: { code } })
    }
  })

  test('nobody answers', async () => {
    const servers = [`127.0.0.1:${await silentUdpPort()}`]
    const result = await checkDns('a.test', { servers, timeout: 100 })
    expect(result).toMatchObject({ ok: false, latencyMs: undefined, server: undefined, error: { code: 'ETIMEOUT' } })
    const refused = await checkDns('a.test', { servers: [`127.0.0.1:${closedPort}`] })
    expect(refused).toMatchObject({ ok: false, server: undefined, error: { code: 'ECONNREFUSED' } })
  })

  test('local errors reject', async () => {
    for (const wrong of [{ servers: ['x'] }, { type: 'Z' }, { expect: 5 }, { expect: [5] }, { expect: '' }, { x: 1 }]) {
      await expect(checkDns('a.test', wrong as object)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    }
    await expect(checkDns('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    const servers = ['127.0.0.1']
    await expect(checkDns('a.test', { servers, device: 'nosuch0' })).rejects.toMatchObject({ code: 'ENODEV' })
    const reason = new Error('never')
    await expect(checkDns('a.test', { servers, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
