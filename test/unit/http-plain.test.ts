import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { Watch } from '../../src/binding/poller.js'
import { nodeHttp } from '../../src/builtins.js'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { encodePlainly } from '../../src/protocols/http/question.js'
import { readPlainHead } from '../../src/protocols/http/response-head.js'
import { optionNumbers } from '../../src/sockets/options.js'
import { http as sameAsNode } from '../fuzz/targets.js'
import { brokenAnswers, httpServer, serving } from './http-servers.js'

const device = 'lo'
const corpus = new URL('../fuzz/corpus/http/', import.meta.url)
const ok = 'HTTP/1.1 200 OK\r\n'

afterEach(() => void vi.restoreAllMocks())

describe('the header reader', () => {
  const plain = [
    ...['cut', 'garbage-after', 'head', 'nginx', 'no-content', 'not-modified'],
    ...['proto', 'redirect', 'spaces'],
  ]

  test.each(readdirSync(corpus))('%s', name => {
    const data = readFileSync(new URL(name, corpus))
    sameAsNode(data)
    const head = readPlainHead(data.subarray(1), data[0]! & 1 ? 'HEAD' : 'GET')
    expect(head !== undefined).toBe(plain.includes(name))
  })

  test('reads neither half a header nor a long one', () => {
    const whole = `${ok}content-length: 0\r\n\r\n`
    for (let end = 0; end < whole.length; end++)
      expect(readPlainHead(Buffer.from(whole.slice(0, end)), 'GET')).toBeUndefined()
    expect(readPlainHead(Buffer.from(whole), 'GET')).toMatchObject({ length: whole.length, bodyLength: 0 })
    const long = `${ok}x: ${'y'.repeat(8192)}\r\ncontent-length: 0\r\n\r\n`
    expect(readPlainHead(Buffer.from(long), 'GET')).toBeUndefined()
  })

  test('reads no hostile header slowly', () => {
    const started = process.cpuUsage()
    for (const unit of [' ', '\t', 'a ', 'a:', ':', 'a', '\xff ', '\r']) {
      const bytes = Buffer.from(`${ok}x: a${unit.repeat(8192 / unit.length)}\x01\r\n\r\n`, 'latin1')
      for (let i = 0; i < 20; i++) expect(readPlainHead(bytes, 'GET')).toBeUndefined()
    }
    const { user, system } = process.cpuUsage(started)
    expect(user + system).toBeLessThan(1_000_000)
  })
})

describe('the request writer', () => {
  test.each([
    ['GET', {}],
    ['HEAD', { 'X-Name': '\xfc' }],
    ['GET', { host: 'other.test', 'user-agent': 'me', cookie: 'a=b; c=d', 'x-empty': '' }],
  ])('writes the same as Node: %s %j', async (method, headers) => {
    const { url, requests } = await serving([`${ok}content-length: 0\r\n\r\n`])
    const request = vi.spyOn(nodeHttp().ClientRequest.prototype, 'onSocket')
    const check = (more: object) => checkHttp(url.replace('//', '//me:p%40ss@'), { device, method, headers, ...more })
    await check({})
    expect(request).not.toHaveBeenCalled()
    // A list with one value is the same on the wire, but is left to Node.
    await check({ headers: { ...headers, accept: ['*/*'] } })
    expect(request).toHaveBeenCalledTimes(1)
    expect(requests[1]).toBe(requests[0])
    expect(requests[0]).toMatch(/^\w+ \/ HTTP\/1\.1\r\nhost: /)
  })

  test.each<[string, Partial<Parameters<typeof encodePlainly>[0]>]>([
    ['another method', { method: 'POST' }],
    ['a body', { body: 'x' }],
    ['a header with several values', { headers: { x: ['a', 'b'] } }],
    ['a path with a space', { path: '/ HTTP/1.1' }],
    ['a line break in a value', { headers: { x: 'a\r\ny: z' } }],
    ["a name that isn't a token", { headers: { 'x y': 'a' } }],
    ['a length', { headers: { 'content-length': '5' } }],
    ['chunks', { headers: { 'transfer-encoding': 'chunked' } }],
    ['a keep-alive connection', { headers: { connection: 'keep-alive' } }],
  ])('leaves %s to Node', (_what, part) => {
    const question = { method: 'GET', path: '/', headers: {} }
    expect(encodePlainly(question)).toBe('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
    expect(encodePlainly({ ...question, ...part })).toBeUndefined()
  })
})

describe('a check over plain HTTP', () => {
  test("does not use Node's client, even for a body in pieces", async () => {
    const request = vi.spyOn(nodeHttp().ClientRequest.prototype, 'onSocket')
    const { url } = await serving([`${ok}content-length: 11\r\n\r\nall `, 'is ', 'well and more'])
    const result = await checkHttp(url, { device, expectBody: /^all is well$/ })
    expect(result).toMatchObject({ ok: true, status: 200, bytes: 11, device })
    expect(request).not.toHaveBeenCalled()
  })

  test.each([
    ['a header in pieces', [ok, 'content-length: 11\r\n', '\r\nall is', ' well']],
    ['a header and the body in pieces', [ok.slice(0, 3), ok.slice(3), '\r\nall', ' is ', 'well']],
    ['chunks', [`${ok}transfer-encoding: chunked\r\n\r\n`, '4\r\nall \r\n', '7;a=b\r\nis well\r\n0\r\nx: y\r\n\r\n']],
    ['early hints', ['HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', `${ok}content-length: 11\r\n\r\nall is well`]],
  ])('%s are left to Node', async (_what, parts) => {
    const request = vi.spyOn(nodeHttp().ClientRequest.prototype, 'onSocket')
    const { url, requests } = await serving(parts)
    expect(await checkHttp(url, { device, expectBody: /^all is well$/ })).toMatchObject({ ok: true, bytes: 11 })
    expect(request).toHaveBeenCalledTimes(1)
    expect(requests).toHaveLength(1)
  })

  test.each(brokenAnswers)('%s', async (_what, parts, status, message) => {
    const { url } = await serving(parts)
    const { error, ...result } = await checkHttp(url, { device })
    expect(result).toMatchObject({ ok: false, status, remoteAddress: '127.0.0.1' })
    expect(error).toMatchObject({ name: 'NetviaError', code: 'ECONNRESET', message, device })
  })

  test.each(['reset', 'reset behind it'])('a body without a length, and a %s: incomplete', async reset => {
    const { url } = await serving([`${ok}\r\n`, 'only this', reset])
    const { ok: passed, error } = await checkHttp(url, { device, expectBody: 'only this' })
    expect(passed).toBe(false)
    expect(error).toMatchObject({ code: 'ECONNRESET', message: 'aborted', device })
  })

  test('a request that does not fit into the send buffer arrives completely', async () => {
    const { url, requests } = await serving([`${ok}content-length: 0\r\n\r\n`])
    const value = 'y'.repeat(8_000_000)
    expect(await checkHttp(url, { device, headers: { x: value } })).toMatchObject({ ok: true, status: 200 })
    expect(requests[0]).toBe(
      `GET / HTTP/1.1\r\nhost: ${new URL(url).host}\r\nuser-agent: netvia\r\naccept: */*\r\n` +
        `accept-encoding: gzip, deflate, br\r\nx: ${value}\r\nConnection: close\r\n\r\n`,
    )
  })

  test('reports the address to which the kernel has connected', async () => {
    const port = await httpServer((_request, response) => void response.end())
    expect(await checkHttp(`http://0.0.0.0:${port}/`)).toMatchObject({ ok: true, remoteAddress: '127.0.0.1' })
  })

  test('sends nothing over a connection whose device was lost during the call', async () => {
    const { url, requests } = await serving([`${ok}content-length: 0\r\n\r\n`])
    const { getOption } = addon()
    const [level, option] = optionNumbers('SO_BINDTODEVICE')
    vi.spyOn(addon(), 'getOption').mockImplementation((...words) =>
      words[1] === level && words[2] === option ? -constants.errno.ENODEV : getOption(...words),
    )
    await expect(checkHttp(url, { device })).rejects.toMatchObject({ code: 'ENODEV', device })
    expect(requests).toEqual([])
  })

  test('however it ends, its descriptor is not watched any more', async () => {
    const armed = vi.spyOn(Watch.prototype, 'arm')
    const closed = vi.spyOn(Watch.prototype, 'close')
    const whole = `${ok}content-length: 4\r\n\r\n`
    for (const parts of [
      [`${whole}body`],
      [whole, 'body'],
      [ok, 'content-length: 0\r\n\r\n'],
      [whole, 'reset'],
      ['reset'],
    ]) {
      const { url } = await serving(parts)
      await checkHttp(url, { device })
      await checkHttp(url, { device, timeout: 1 })
      const signal = AbortSignal.timeout(1)
      await checkHttp(url, { device, signal }).catch(() => {})
    }
    const watches = new Set(armed.mock.contexts)
    expect(watches.size).toBeGreaterThan(5)
    const open = () => [...watches].filter(watch => !closed.mock.contexts.includes(watch))
    await expect.poll(open, { timeout: 10_000 }).toEqual([])
  })
})
