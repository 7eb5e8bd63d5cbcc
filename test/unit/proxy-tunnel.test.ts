import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import * as relay from '../../src/binding/relay.js'
import { proxiedPair, received } from './proxied-pair.js'

vi.mock('../../src/binding/relay.js', async original => {
  const real = await original<typeof relay>()
  return { ...real, openTunnel: vi.fn(real.openTunnel) }
})

const real = (await vi.importActual<typeof relay>('../../src/binding/relay.js')).openTunnel
const openTunnel = vi.mocked(relay.openTunnel)

/** Both ways to relay a tunnel must behave the same. */
describe.each(['the addon’s thread', 'Node’s streams'])('%s', name => {
  const isNative = name !== 'Node’s streams'

  beforeEach(() => {
    openTunnel.mockReset().mockImplementation(isNative ? real : () => undefined)
  })

  test('transfers every byte both ways, and counts them', async () => {
    const { proxy, client, target } = await proxiedPair()
    const [up, down] = [randomBytes(5_000_001), randomBytes(7_000_003)]
    client.end(up)
    target.end(down)
    const [atClient, atTarget] = await Promise.all([received(client), received(target)])
    expect([atClient.end, atTarget.end]).toEqual(['end', 'end'])
    expect(atClient.bytes.equals(down)).toBe(true)
    expect(atTarget.bytes.equals(up)).toBe(true)
    await expect
      .poll(() => proxy.statistics)
      .toMatchObject({
        clients: 0,
        uplinks: { default: { open: 0, bytesSent: up.length, bytesReceived: down.length } },
      })
    expect(openTunnel.mock.results.map(({ value }) => value !== undefined)).toEqual([isNative])
  })

  test('counts while a tunnel is open', async () => {
    const { proxy, client, target } = await proxiedPair({}, 'early', 'first')
    client.write(Buffer.alloc(1000))
    target.write(Buffer.alloc(2000))
    target.resume()
    client.resume()
    await expect
      .poll(() => proxy.statistics)
      .toMatchObject({
        clients: 1,
        uplinks: { default: { open: 1, bytesSent: 1005, bytesReceived: 2005 } },
      })
  })

  test('passes on bytes from before the tunnel, in order', async () => {
    const { client, target } = await proxiedPair({}, 'early', 'first')
    client.end('later')
    target.end('second')
    expect(String((await received(target)).bytes)).toBe('earlylater')
    expect(String((await received(client)).bytes)).toBe('firstsecond')
  })

  test('keeps the other direction open after an end', async () => {
    const { client, target } = await proxiedPair()
    client.end('question')
    expect(await received(target)).toEqual({ bytes: Buffer.from('question'), end: 'end' })
    for (let i = 0; i < 100; i++) if (!target.write(Buffer.alloc(10_000))) await once(target, 'drain')
    target.end()
    const answer = await received(client)
    expect([answer.bytes.length, answer.end]).toEqual([1_000_000, 'end'])
  })

  test('slows down the sender for a slow reader, and loses nothing', async () => {
    const { client, target } = await proxiedPair()
    const chunk = randomBytes(1 << 16)
    const taken = () =>
      Promise.race([once(target, 'drain').then(() => true), new Promise(resolve => setTimeout(resolve, 500, false))])
    while (target.write(chunk) || (await taken())) expect(target.bytesWritten).toBeLessThan(2 ** 26)
    const { bytesWritten } = target
    target.end()
    const { bytes, end } = await received(client)
    expect([bytes.length, end]).toEqual([bytesWritten, 'end'])
    for (let at = 0; at < bytes.length; at += chunk.length)
      if (!bytes.subarray(at, at + chunk.length).equals(chunk)) throw new Error(`other bytes at ${at}`)
  })

  test.each(['client', 'target'] as const)('passes on a reset of the %s', async which => {
    const pair = await proxiedPair()
    const other = which === 'client' ? pair.target : pair.client
    const end = received(other)
    pair[which].resetAndDestroy()
    expect((await end).end).toBe('reset')
    await expect.poll(() => pair.proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
  })

  test('passes on what the target has sent before a reset', async () => {
    const { client, target } = await proxiedPair()
    client.write('x'.repeat(1000))
    target.write('refused')
    target.resetAndDestroy()
    const { bytes, end } = await received(client)
    expect([String(bytes), end]).toEqual(['refused', 'reset'])
  })

  test('passes on a reset of a client that has ended its side before', async () => {
    const { client, target } = await proxiedPair()
    client.end('x')
    expect((await received(target)).end).toBe('end')
    client.resetAndDestroy()
    const isBroken = () => {
      target.write('y')
      return target.errored !== null
    }
    await expect.poll(isBroken).toBe(true)
  })

  test('is reset if it is idle', async () => {
    const { client, target } = await proxiedPair({ idleTimeout: 2000 })
    const ends = Promise.all([received(client), received(target)])
    // Each write counts as activity.
    for (let i = 0; i < 4; i++) {
      ;(i % 2 ? client : target).write('x')
      await new Promise(resolve => setTimeout(resolve, 700))
    }
    const [atClient, atTarget] = await ends
    expect([String(atClient.bytes), atClient.end]).toEqual(['xx', 'reset'])
    expect([String(atTarget.bytes), atTarget.end]).toEqual(['xx', 'reset'])
  })

  test('is reset at both ends when the proxy closes', async () => {
    const { proxy, client, target } = await proxiedPair()
    const ends = Promise.all([received(client), received(target)])
    await proxy.close()
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { default: { open: 0 } } })
    expect((await ends).map(({ end }) => end)).toEqual(['reset', 'reset'])
  })

  test('leaks no descriptor', async () => {
    const open = () => readdirSync('/proc/self/fd').length
    const cycle = async () => {
      const { proxy, client, target } = await proxiedPair()
      client.end(Buffer.alloc(100_000))
      target.end(Buffer.alloc(100_000))
      await Promise.all([received(client), received(target)])
      await proxy.close()
    }
    await cycle()
    const before = open()
    for (let i = 0; i < 10; i++) await cycle()
    // The test's own sockets linger.
    await expect.poll(open).toBeLessThanOrEqual(before + 22)
  })
})

test('a reset ends a tunnel even if the other end does not read', async () => {
  openTunnel.mockReset().mockImplementation(real)
  const { proxy, target } = await proxiedPair()
  const chunk = Buffer.alloc(1 << 16)
  for (let i = 0; i < 500 && target.writableLength < 1 << 20; i++) target.write(chunk)
  await expect.poll(() => proxy.statistics.uplinks.default!.bytesReceived).toBeGreaterThan(0)
  target.resetAndDestroy()
  await expect.poll(() => proxy.statistics.clients).toBe(0)
})
