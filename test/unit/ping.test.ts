import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { addon, Field } from '../../src/binding/addon.js'
import { encode } from '../../src/protocols/icmp/packet/encode.js'
import { ping } from '../../src/protocols/icmp/ping.js'
import { pings } from '../../src/protocols/icmp/pings.js'
import { type Clock, systemClock } from '../../src/protocols/icmp/probe/clock.js'
import { EchoRequest, type Verdict } from '../../src/protocols/icmp/probe/echo-request.js'
import { EchoTemplate } from '../../src/protocols/icmp/probe/echo-template.js'
import { SocketPool } from '../../src/protocols/icmp/probe/socket-pool.js'
import { openIcmp } from '../../src/protocols/icmp/socket/icmp-socket.js'
import { sweep } from '../../src/protocols/icmp/sweep/sweep.js'
import { encodeAddress } from '../../src/sockets/address.js'
import { openSockets } from './open-sockets.js'
import { requires } from './requirements.js'

describe('on loopback', () => {
  beforeEach(context => requires(context, 'ping'))

  test.each(['127.0.0.1', '::1', 'localhost'])('%s answers', async host => {
    const before = await openSockets()
    expect(await ping(host)).toMatchObject({ outcome: 'reply', host, bytes: 64, sequence: 0 })
    expect(await openSockets()).toBe(before)
  })

  test('a thousand at once over one socket get their own answers', async () => {
    const before = await openSockets()
    const hosts = Array.from({ length: 1000 }, (_, index) => `127.0.${index >> 8}.${index & 255 || 1}`)
    const all = Promise.all(hosts.map(host => ping(host)))
    await sleep(0)
    expect(await openSockets()).toBeLessThanOrEqual(before + 1)
    for (const [index, result] of (await all).entries())
      expect(result).toMatchObject({ outcome: 'reply', from: hosts[index] })
  })

  test('a sweep that has ended still reports packets that the kernel dropped', async () => {
    const native = addon()
    const receive = native.receive
    const spy = vi.spyOn(native, 'receive').mockImplementation((fd, data, table, flags) => {
      const count = receive(fd, data, table, flags)
      for (let i = 0; i < count; i++) table[i * Field.size + Field.drops] = 7
      return count
    })
    onTestFinished(() => spy.mockRestore())
    const sweeping = sweep('127.0.0.0/28')
    for await (const { outcome } of sweeping) expect(outcome).toBe('reply')
    expect(sweeping.progress).toMatchObject({ done: 14, dropped: 7 })
  })

  test('more probes than there are sequence numbers: none mixed up, none lost', async () => {
    const path = SocketPool.acquire({
      family: 4,
      kind: 'auto',
      path: { device: 'lo' },
      dontFragment: false,
      payloadSize: 8,
      stampSends: false,
    })
    await path.ready
    const before = await openSockets()
    const template = new EchoTemplate(4, 8)
    const target = encodeAddress('127.0.0.1')
    const outcomes = new Map<string, number>()
    const count = 70_000
    let done: () => void
    let settled = 0
    const finished = new Promise<void>(resolve => {
      done = resolve
    })
    const owner = {
      settled({ outcome }: Verdict) {
        outcomes.set(outcome!, (outcomes.get(outcome!) ?? 0) + 1)
        if (++settled === count) done()
      },
    }
    // All are submitted in one turn of the event loop, so none is answered before that.
    const request = new EchoRequest(owner, template, 10_000)
    for (let i = 0; i < count; i++) path.submit(request, target)
    await finished
    expect(await openSockets()).toBe(before + 1)
    path.release()
    expect(Object.fromEntries(outcomes)).toEqual({ reply: count })
    expect(path.drops).toBe(0)
  })

  test('the wall clock is stepped by an hour in the middle of a series: no time is wrong', async () => {
    let step = 0
    let reads = 0
    const clock: Clock = {
      read(sample) {
        systemClock.read(sample)
        // The clock jumps back and forth between sending and reading.
        if (++reads % 3 === 0) step = step ? 0 : 3_600_000
        sample.wall += step
      },
    }
    const path = SocketPool.acquire({
      family: 4,
      kind: 'auto',
      path: {},
      dontFragment: false,
      payloadSize: 56,
      stampSends: true,
      clock,
    })
    await path.ready
    const template = new EchoTemplate(4, 56)
    const target = encodeAddress('127.0.0.1')
    const rtts: number[] = []
    for (let i = 0; i < 30; i++) {
      await new Promise<void>(resolve => {
        const owner = {
          settled(verdict: Verdict) {
            rtts.push(verdict.rttMs)
            resolve()
          },
        }
        path.submit(new EchoRequest(owner, template, 1000), target)
      })
    }
    path.release()
    expect(rtts).toHaveLength(30)
    for (const rttMs of rtts) {
      expect(rttMs).toBeGreaterThanOrEqual(0)
      expect(rttMs).toBeLessThan(500)
    }
  })

  test('the time is over while the event loop is blocked, but the reply was there: it counts', async () => {
    const path = SocketPool.acquire({
      family: 4,
      kind: 'auto',
      path: {},
      dontFragment: false,
      payloadSize: 56,
      stampSends: true,
    })
    await path.ready
    for (let i = 0; i < 5; i++) {
      const verdict = await new Promise<Verdict>(resolve => {
        const owner = { settled: (verdict: Verdict) => resolve({ ...verdict }) }
        const request = new EchoRequest(owner, new EchoTemplate(4, 56), 30)
        // After an immediate, timers run before the poller.
        setImmediate(async () => {
          path.submit(request, encodeAddress('127.0.0.1'))
          await null
          const end = performance.now() + 60
          while (performance.now() < end);
        })
      })
      expect(verdict).toMatchObject({ outcome: 'reply', kernelClock: true })
      expect(verdict.rttMs).toBeLessThan(30)
    }
    path.release()
  })

  test('a series keeps its cadence and its statistics', async () => {
    const before = await openSockets()
    const series = pings('127.0.0.1', { count: 60, interval: 10 })
    expect(series.statistics).toMatchObject({ sent: 0, lossRatio: undefined })
    const sentAt: number[] = []
    for await (const { sequence, sentAt: at } of series) sentAt[sequence] = at
    expect(sentAt).toHaveLength(60)
    // A busy machine sends some packets late. The least delayed ones show whether the times drift.
    const late = sentAt.map((at, index) => at - sentAt[0]! - 10 * index)
    const drift = Math.min(...late.slice(40)) - Math.min(...late.slice(0, 20))
    expect(Math.abs(drift)).toBeLessThan(5)
    expect(series.statistics).toMatchObject({ sent: 60, received: 60, lossRatio: 0, duplicates: 0 })
    expect(await openSockets()).toBe(before)
  })

  test('one signal ends many series, without a warning of too many listeners', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const controller = new AbortController()
    const reason = new Error('enough')
    const all = Array.from({ length: 20 }, () => pings('127.0.0.1', { signal: controller.signal }).next())
    await Promise.all(all)
    const ends = Array.from({ length: 20 }, async () => {
      for await (const _ of pings('127.0.0.1', { interval: 5, signal: controller.signal }));
    })
    controller.abort(reason)
    expect(await Promise.allSettled(ends)).toEqual(Array(20).fill({ status: 'rejected', reason }))
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })

  test('a series ends by break, by return while it waits, and by its signal', async () => {
    const before = await openSockets()
    for await (const _result of pings('127.0.0.1', { interval: 5 })) break
    const waiting = pings('127.0.0.1', { interval: 10_000 })
    await waiting.next()
    const next = waiting.next()
    await waiting.return()
    expect(await next).toEqual({ value: undefined, done: true })
    const controller = new AbortController()
    const aborted = pings('127.0.0.1', { interval: 10_000, signal: controller.signal })
    await aborted.next()
    const pending = aborted.next()
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
    expect(await openSockets()).toBe(before)
  })

  test('openIcmp sends and receives messages', async () => {
    const before = await openSockets()
    {
      using socket = openIcmp({ family: 4 })
      const payload = Buffer.from('hello')
      const reply = new Promise((resolve, reject) => {
        socket.on('error', reject)
        socket.on('message', (message, info) => {
          if (message.kind === 'echo-reply' && message.sequence === 77) resolve({ message, info })
        })
      })
      await socket.send({ family: 4, kind: 'echo-request', identifier: 4711, sequence: 77, payload }, '127.0.0.2')
      expect(await reply).toMatchObject({
        message: { payload: Uint8Array.from(payload), checksumValid: true },
        info: { address: '127.0.0.2', ttl: 64 },
      })
      await expect(
        socket.send({ family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload }, '::1'),
      ).rejects.toMatchObject({ code: 'ERR_ADDRESS_FAMILY' })
      const bytes = encode({ family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload })
      await expect(socket.send(bytes as never, '127.0.0.2')).rejects.toThrow(/message must be .* not its bytes/)
    }
    expect(await openSockets()).toBe(before)
  })
})

describe('bad arguments', () => {
  test.each([
    [{ payloadSize: 65_508 }, 'payloadSize'],
    [{ payload: new Uint8Array(4), payloadSize: 5 }, 'payloadSize'],
    [{ payload: 'text' }, 'payload'],
    [{ ttl: 0 }, 'ttl'],
    [{ kind: 'tcp' }, 'kind'],
    [{ devise: 'lo' }, 'devise'],
  ])('%j', async (options, named) => {
    await expect(ping('127.0.0.1', options as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining(named),
    })
  })

  test('a series rejects immediately', () => {
    expect(() => pings('127.0.0.1', { count: 0 })).toThrow('count')
  })

  test('aborted before: rejects with the reason', async () => {
    const reason = new Error('never mind')
    await expect(ping('127.0.0.1', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

test('a loop of pings does not block the event loop', async context => {
  requires(context, 'ping')
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  const end = performance.now() + 10_000
  while (turns <= 3 && performance.now() < end) await ping('127.0.0.1')
  clearInterval(timer)
  expect(turns).toBeGreaterThan(3)
})
