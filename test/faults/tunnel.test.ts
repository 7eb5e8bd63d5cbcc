import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy, type ProxyOptions } from '../../src/index.js'
import { resetSocket } from '../../src/sockets/reset.js'
import { proxiedPair, received } from '../unit/proxied-pair.js'
import { type Fault, inject } from './inject.js'

const descriptors = () => readdirSync('/proc/self/fd').length

/** Sends megabytes both ways through a tunnel under these faults. Returns how often each fault hit, and how the tunnel ended. */
async function carry(...faults: Fault[]) {
  const pair = await proxiedPair({ idleTimeout: 5000 })
  const end = inject(...faults)
  const [up, down] = [randomBytes(3_000_001), randomBytes(3_000_003)]
  pair.client.end(up)
  pair.target.end(down)
  const [atClient, atTarget] = await Promise.all([received(pair.client), received(pair.target)])
  const struck = end()
  await expect.poll(() => pair.proxy.statistics.clients).toBe(0)
  const whole = atClient.bytes.equals(down) && atTarget.bytes.equals(up)
  return { struck, ends: [atClient.end, atTarget.end], whole }
}

const complete = { ends: ['end', 'end'], whole: true }

describe('a tunnel loses nothing', () => {
  test.each<[string, Fault]>([
    // This one comes first, because a tunnel passes its pipe on to the next.
    ['without descriptors for pipes', { call: 'pipe2', error: 'EMFILE' }],
    ['if the kernel has no splice', { call: 'splice', error: 'ENOSYS' }],
    ['if a filter forbids splice', { call: 'splice', error: 'EPERM' }],
    ['over a socket without splice', { call: 'splice', error: 'EINVAL' }],
    ['if splice fails with bytes in the pipe', { call: 'splice', error: 'EINVAL', skip: 1, times: 1 }],
    ['if splice fails late', { call: 'splice', error: 'EINVAL', skip: 7, times: 1 }],
    ['if splice is interrupted', { call: 'splice', error: 'EINTR', times: 5 }],
    ['if memory is short for a while', { call: 'splice', error: 'ENOMEM', skip: 1, times: 20 }],
    ['if splice moves little', { call: 'splice', limit: 4097, times: 500 }],
    ['if waiting is interrupted', { call: 'epoll_wait', error: 'EINTR', times: 5 }],
  ])('%s', async (_what, fault) => {
    const result = await carry(fault)
    expect(result).toMatchObject(complete)
    expect(result.struck[0]).toBeGreaterThan(0)
  })

  test('if it copies data while memory is short', async () => {
    const result = await carry(
      { call: 'splice', error: 'ENOSYS' },
      { call: 'malloc', error: 'ENOMEM', skip: 1, times: 20 },
      { call: 'read', error: 'EINTR', skip: 2, times: 3 },
      { call: 'send', error: 'EINTR', skip: 2, times: 3 },
    )
    expect(result).toMatchObject(complete)
    expect(result.struck).toEqual([expect.any(Number), 20, 3, 3])
  })
})

describe('a tunnel that fails is reset, never closed normally', () => {
  test.each<[string, Fault]>([
    ['splice', { call: 'splice', error: 'EIO', skip: 5, times: 1 }],
    ['shutdown', { call: 'shutdown', error: 'ENOTCONN', times: 1 }],
  ])('by %s', async (_what, fault) => {
    const { struck, ends } = await carry(fault)
    expect(struck).toEqual([1])
    expect(ends).toContain('reset')
  })

  test('by a permanent lack of memory, as an idle tunnel', async () => {
    const { ends } = await carry({ call: 'splice', error: 'ENOMEM' })
    expect(ends).toEqual(['reset', 'reset'])
  })
})

describe('a tunnel that can’t begin', () => {
  /** The connection to the next proxy is a Node socket. The tunnel duplicates its descriptor. */
  const nextProxy = async () => {
    const next = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'] })
    onTestFinished(() => next.close())
    return { upstream: { host: '127.0.0.1', port: next.address().port } }
  }

  test.each<[string, Fault, () => Promise<ProxyOptions>]>([
    ['without descriptors', { call: 'duplicate', error: 'EMFILE' }, nextProxy],
    ['without memory', { call: 'malloc', error: 'ENOMEM', skip: 2, times: 1 }, async () => ({})],
  ])('%s: Node’s streams carry it', async (_what, fault, options) => {
    // Starts the relay thread.
    await carry()
    const before = descriptors()
    const given = await options()
    const end = inject(fault)
    const { client, target, proxy } = await proxiedPair(given, 'early')
    expect(end()[0]).toBeGreaterThan(0)
    client.end('later')
    target.end('answer')
    expect(String((await received(target)).bytes)).toBe('earlylater')
    expect(String((await received(client)).bytes)).toBe('answer')
    await proxy.close()
    await expect.poll(descriptors).toBeLessThanOrEqual(before + 5)
  })

  test('carried by Node’s streams, a transfer that is reset right after its last bytes does not look complete', async () => {
    await carry()
    const given = await nextProxy()
    const end = inject({ call: 'duplicate', error: 'EMFILE' })
    const { client, target } = await proxiedPair(given)
    expect(end()[0]).toBeGreaterThan(0)
    target.write('part')
    resetSocket(target)
    // The next proxy's thread relays the data and the reset before this thread reads anything.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    expect(await received(client)).toEqual({ bytes: Buffer.from('part'), end: 'reset' })
  })

  test('because the kernel won’t watch it is reset', async () => {
    await carry()
    // The listener is already watched by then, and either the client, if the proxy waits for its first bytes, or the target.
    const end = inject({ call: 'epoll_ctl', numbers: [1], error: 'ENOSPC', skip: 2 })
    const pair = await proxiedPair().catch(() => undefined)
    expect(end()[0]).toBeGreaterThan(0)
    if (!pair) return
    const ends = await Promise.all([received(pair.client), received(pair.target)])
    expect(ends.map(({ end }) => end)).toEqual(['reset', 'reset'])
  })
})
