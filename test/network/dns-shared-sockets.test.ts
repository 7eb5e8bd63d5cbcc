import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { lab } from '../lab/index.js'
import { openSockets } from '../unit/open-sockets.js'

const { address4: address } = lab.server
const otherAddress = '198.51.100.77'
const servers = [`${address}:5310`]
const program = fileURLToPath(new URL('dns-shared-server.mjs', import.meta.url))

beforeAll(async () => {
  lab.run('internet', 'ip', 'address', 'add', `${otherAddress}/32`, 'dev', 'lo')
  const where = JSON.stringify({ address, otherAddress, port: 5310 })
  await once(lab.spawn('internet', process.execPath, program, where).stdout!, 'data')
  // After this, netvia knows that the server supports EDNS, and sends one query for each question.
  await Promise.all(['wan1', 'wan2'].map(device => ask('0.0.plain', { device })))
  return () => lab.run('internet', 'ip', 'address', 'delete', `${otherAddress}/32`, 'dev', 'lo')
})

/** Returns the number in the name, which the answer repeats, and the source port of the query. */
async function ask(name: string, { device = 'wan1', timeout = 8000 } = {}) {
  const found = await resolve(`${name}.test`, { type: 'A', device, servers, timeout })
  const [first, number, high, low] = found[0]!.address.split('.').map(Number) as [number, number, number, number]
  expect(first).toBe(10)
  return { number, port: high * 256 + low }
}

const asksFor = (count: number, name: (number: number) => string) =>
  Promise.all(Array.from({ length: count }, (_, number) => ask(name(number))))

test('concurrent questions share a port, and each gets its own answer', async () => {
  const found = await asksFor(20, number => `${number}.${200 - 10 * number}.plain`)
  expect(found.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, number) => number))
  expect(new Set(found.map(({ port }) => port)).size).toBe(1)
})

test('a port is replaced after 32 questions, and once no question is open', async () => {
  const found = await asksFor(100, number => `${number}.300.plain`)
  const uses = new Map<number, number>()
  for (const { port } of found) uses.set(port, (uses.get(port) ?? 0) + 1)
  expect([...uses.values()].toSorted((a, b) => b - a)).toEqual([32, 32, 32, 4])
  const alone = new Set<number>()
  for (let number = 0; number < 10; number++) alone.add((await ask(`${number}.0.plain`)).port)
  expect(alone.size).toBeGreaterThan(7)
})

test('a port is replaced after a second', async () => {
  const first = ask('1.2500.plain')
  await sleep(1200)
  const second = ask('2.0.plain')
  expect((await second).port).not.toBe((await first).port)
})

test('questions through two devices never share a port', async () => {
  const [by1, by2] = await Promise.all([
    Promise.all([ask('1.300.plain'), ask('2.300.plain')]),
    Promise.all([ask('3.300.plain', { device: 'wan2' }), ask('4.300.plain', { device: 'wan2' })]),
  ])
  const [ports1, ports2] = [by1, by2].map(found => new Set(found.map(({ port }) => port))) as [Set<number>, Set<number>]
  expect([ports1.size, ports2.size]).toEqual([1, 1])
  expect(ports1).not.toEqual(ports2)
})

describe('a question that shares its port ignores an answer', () => {
  test.each([
    ['with another id', 'wrong-id'],
    ['with the id of another open question', 'swapped'],
    ['to another question', 'other-question'],
    ['from another port', 'other-port'],
    ['from another address', 'other-address'],
  ])('%s', async (_what, kind) => {
    const found = await asksFor(10, number => `${number}.150.${kind}`)
    expect(found.map(({ number }) => number)).toEqual(Array.from({ length: 10 }, (_, number) => number))
  })
})

test('a late answer to an abandoned question goes to no other one, and its port stays open for it', async () => {
  const capture = await lab.capture('wan1', 'icmp')
  const before = await openSockets()
  const other = ask('2.2500.plain')
  await expect(ask('1.2000.plain', { timeout: 300 })).rejects.toMatchObject({ code: 'ETIMEOUT' })
  expect(await other).toMatchObject({ number: 2 })
  // No other question uses its port.
  await expect(ask('3.2000.plain', { timeout: 300 })).rejects.toMatchObject({ code: 'ETIMEOUT' })
  expect(await ask('4.0.plain')).toMatchObject({ number: 4 })
  // Wait until its answer has arrived.
  await sleep(2500)
  await expect.poll(openSockets, { timeout: 8000 }).toBe(before)
  expect(await capture.stop()).toEqual([])
})

test('a device that is deleted fails all its open questions, and leaves no socket', async () => {
  const before = await openSockets()
  const gone = lab.addDevice('gone0')
  try {
    const asked = Array.from({ length: 40 }, (_, number) => ask(`${number}.7000.plain`, { device: 'gone0' }))
    const settled = Promise.allSettled(asked)
    await sleep(150)
    gone.remove()
    for (const one of await settled) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'ENODEV', device: 'gone0' } })
    }
    await expect.poll(openSockets, { timeout: 5000 }).toBe(before)
  } finally {
    gone.remove()
  }
})

test('a device that was created again under the same name gets its own socket', async () => {
  const first = lab.addDevice('back0')
  try {
    const lost = ask('1.3000.plain', { device: 'back0' }).catch(error => error)
    await sleep(20)
    first.remove()
    const again = lab.addDevice('back0')
    try {
      expect(await ask('2.0.plain', { device: 'back0' })).toMatchObject({ number: 2 })
      expect(await lost).toMatchObject({ code: 'ENODEV', device: 'back0' })
    } finally {
      again.remove()
    }
  } finally {
    first.remove()
  }
})
