import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { SendWindow } from '../../src/protocols/icmp/sweep/send-window.js'
import { parseBlock } from '../../src/protocols/targets/address-block.js'
import { countTargets, TargetSource, type Targets } from '../../src/protocols/targets/target-source.js'
import { decodeAddress } from '../../src/sockets/address.js'

const textAt = (target: string, index: number) => decodeAddress(parseBlock(target, 'sweep')!.at(index))!.address

describe('a block of addresses', () => {
  it.each([
    ['192.0.2.7', 1, '192.0.2.7', '192.0.2.7'],
    ['192.0.2.77/24', 254, '192.0.2.1', '192.0.2.254'],
    ['192.0.2.77/30', 2, '192.0.2.77', '192.0.2.78'],
    ['192.0.2.77/31', 2, '192.0.2.76', '192.0.2.77'],
    ['192.0.2.77/32', 1, '192.0.2.77', '192.0.2.77'],
    ['10.0.0.0/8', 2 ** 24 - 2, '10.0.0.1', '10.255.255.254'],
    ['0.0.0.0/0', 2 ** 32 - 2, '0.0.0.1', '255.255.255.254'],
    ['10.0.0.250-10.0.1.5', 12, '10.0.0.250', '10.0.1.5'],
    ['2001:db8::/126', 4, '2001:db8::', '2001:db8::3'],
    ['2001:db8::fffe-2001:db8::1:1', 4, '2001:db8::fffe', '2001:db8::1:1'],
    ['fe80::9%lo-fe80::b%lo', 3, 'fe80::9%lo', 'fe80::b%lo'],
    ['::1', 1, '::1', '::1'],
  ])('%s has %i, from %s to %s', (target, size, first, last) => {
    expect(parseBlock(target, 'sweep')!.size).toBe(size)
    expect([textAt(target, 0), textAt(target, size - 1)]).toEqual([first, last])
  })

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    'name/24',
    '10.0.0.5-10.0.0.1',
    '10.0.0.1-::1',
    'fe80::1%lo-fe80::9',
    'fe80::1%lo-fe80::9%1',
    '10.0.0.*',
    '10.0.0.1-9',
    '10.0.0.1,2',
  ])('is refused for %s', target => {
    expect(() => parseBlock(target, 'sweep')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  })

  it.each([
    'name.test',
    'a-b',
    'my-host-1.test',
    '10-0-0-1',
    '10-0-0-1.test',
    '1.example',
    '10.0.0',
    '10.0.0.256',
    '10..0.1',
  ])('does not include %s: that is a name, which may not be found', name => {
    expect(parseBlock(name, 'sweep')).toBe(undefined)
  })
})

describe('the source of targets', () => {
  function source(targets: Targets) {
    const log: string[] = []
    const handlers = {
      ready: () => void log.push('ready'),
      resolve: async () => ({ address: '192.0.2.9', family: 4 as const, ttl: 0 }),
      unknown: (name: string) => void log.push(name),
      failed: (error: unknown) => void log.push(String(error)),
    }
    return { targets: new TargetSource('sweep', targets, undefined, handlers), log }
  }

  it('generates the first address of a /8 immediately, without memory', () => {
    const { targets } = source('10.0.0.0/8')
    const before = process.memoryUsage().heapUsed
    expect(decodeAddress(targets.next()!.address)!.address).toBe('10.0.0.1')
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1e6)
    expect(targets.done).toBe(false)
  })

  it('does not delay names by each other, nor addresses by names', async () => {
    const { targets, log } = source(['slow.test', '192.0.2.1', 'other.test'])
    expect(decodeAddress(targets.next()!.address)!.address).toBe('192.0.2.1')
    expect(targets.next()).toBe(undefined)
    await new Promise(setImmediate)
    expect(log).toEqual(['ready', 'ready'])
    expect([targets.next()!.name, targets.next()!.name]).toEqual(['slow.test', 'other.test'])
    expect(targets.done).toBe(true)
  })

  it('draws from an asynchronous iterable, and closes it', async () => {
    let closed = false
    async function* come() {
      try {
        yield '192.0.2.1'
        yield '192.0.2.2'
      } finally {
        closed = true
      }
    }
    const { targets } = source(come())
    expect(targets.next()).toBe(undefined)
    await new Promise(setImmediate)
    expect(decodeAddress(targets.next()!.address)!.address).toBe('192.0.2.1')
    targets.close()
    await new Promise(setImmediate)
    expect(closed).toBe(true)
  })

  it('closes, even if the iterator refuses to', async () => {
    const refuse = () => {
      throw new Error('refused')
    }
    const iterators = [
      { next: () => ({ value: '192.0.2.1' }), return: refuse },
      { next: async () => ({ value: '192.0.2.1' }), return: async () => refuse() },
    ]
    for (const iterator of iterators) {
      const { targets, log } = source({ [Symbol.asyncIterator]: () => iterator } as AsyncIterable<string>)
      targets.next()
      targets.close()
      await new Promise(setImmediate)
      expect(log).toEqual([])
    }
  })

  it('closes a generator that closes it', () => {
    let closed = false
    function* come() {
      try {
        targets.close()
        yield '192.0.2.1'
      } finally {
        closed = true
      }
    }
    const { targets } = source(come())
    expect(targets.next()).toBe(undefined)
    expect(closed).toBe(true)
  })

  it('draws from an iterable whose promises are of another realm', async () => {
    const iterator = runInNewContext('({ next: async () => ({ value: "192.0.2.1" }) })')
    const { targets, log } = source({ [Symbol.asyncIterator]: () => iterator })
    expect(targets.next()).toBe(undefined)
    await new Promise(setImmediate)
    expect(log).toEqual(['ready'])
    expect(decodeAddress(targets.next()!.address)!.address).toBe('192.0.2.1')
  })

  it('counts a list, but not targets that are still to come', () => {
    expect(countTargets(['10.0.0.0/24', 'name.test', '::1'], 'sweep')).toBe(256)
    expect(countTargets('10.0.0.0/8', 'sweep')).toBe(2 ** 24 - 2)
    expect(countTargets(new Set(['10.0.0.1']), 'sweep')).toBe(undefined)
  })
})

describe('the window', () => {
  it('grows while nothing is dropped, halves when the kernel drops packets, and stays within bounds', () => {
    const window = new SendWindow(2000)
    for (let i = 0; i < 5000; i++) window.settled()
    expect(window.size).toBe(2000)
    window.dropped(3)
    window.dropped(3)
    expect(window.size).toBe(1000)
    for (let drops = 4; drops < 20; drops++) window.dropped(drops)
    expect(window.size).toBe(64)
    expect(new SendWindow(2000, 7).size).toBe(7)
  })
})
