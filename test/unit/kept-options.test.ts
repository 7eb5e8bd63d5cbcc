import { setTimeout as wait } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import * as entry from '../../src/index.js'
import { arrayOf, checkOptions, copied, string } from '../../src/options.js'
import { as, calls, type Given, host, port } from './public-calls.js'

const names = Object.keys(calls)

/** Waits for the result of a call if necessary, and closes it. */
async function settle(made: unknown): Promise<void> {
  const given = (await made) as Partial<Record<string, () => unknown>> | undefined
  if (typeof given?.next === 'function') await Promise.race([given.next(), wait(50)])
  const end = given?.return ?? given?.close ?? given?.destroy
  if (typeof end === 'function') await end.call(given)
}

/** The options of a call, from its own error message. */
async function knownTo(name: string): Promise<string[]> {
  try {
    await calls[name]!({ '': 1 })
  } catch (error) {
    return (error as entry.NetviaError).hint!.replace('known options: ', '').split(', ')
  }
  throw new Error('not refused')
}

test.each(names)('%s reads each option once, even inherited ones, and none after it has returned', async name => {
  const reads: Record<string, number> = {}
  const options = new Proxy<Given>(
    {},
    {
      get: (target, key) => {
        reads[String(key)] = (reads[String(key)] ?? 0) + 1
        return target[String(key)]
      },
    },
  )
  const made = calls[name]!(options)
  const expected = Object.fromEntries((await knownTo(name)).map(key => [key, 1]))
  expect(reads).toEqual(expected)
  await settle(made).catch(() => {})
  expect(reads).toEqual(expected)
})

test.each(names)('%s refuses a wrong option that is inherited', async name => {
  const wrong = { device: 'no/device', signal: 5, policy: 'none', interval: 'often' }
  const made = async () => settle(await calls[name]!(Object.create(wrong)))
  await expect(made()).rejects.toMatchObject({ name: 'NetviaError', code: 'ERR_INVALID_ARG_VALUE' })
})

test('a getter of a class sees its own object', async () => {
  class Options {
    #port = port
    host = host
    get port() {
      return this.#port
    }
  }
  await expect(entry.via('lo').connect(new Options())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

const withSignal = names.filter(
  name => !/UplinkGroup$|UplinkMonitor|UplinkRouting|Agent|via$|createDispatcher|createLookup/.test(name),
)

test.each(withSignal)("%s obeys a signal that is not Node's own", async name => {
  const reason = new Error('enough')
  const signal = { aborted: true, reason, addEventListener() {}, removeEventListener() {} }
  await expect((async () => settle(await calls[name]!({ signal })))()).rejects.toBe(reason)
})

test.each(withSignal)("%s refuses an object that only looks like Node's signal, by name", async name => {
  const signal = Object.create(AbortSignal.prototype)
  const made = async () => settle(await calls[name]!({ signal }))
  await expect(made()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', option: ['signal'] })
})

test('a polyfilled signal that fires later ends the call, with one listener', async () => {
  const listeners: (() => void)[] = []
  const signal = {
    aborted: false,
    reason: undefined as unknown,
    addEventListener: (_: string, listener: () => void) => void listeners.push(listener),
  }
  const [one, other] = [1, 2].map(() => entry.pings(host, as({ signal, interval: 10 })).return())
  await Promise.all([one, other])
  expect(listeners).toHaveLength(1)
  const events = entry.watchDevices(as({ signal })).next()
  signal.reason = new Error('later')
  for (const listener of listeners) listener()
  await expect(events).rejects.toBe(signal.reason)
})

test('objects from another realm work', async () => {
  const foreign = runInNewContext('({ payload: new Uint8Array(8), pattern: /./, servers: ["127.0.0.1"] })')
  await settle(entry.pings(host, { payload: foreign.payload, count: 1 }))
  const checked = entry.checkDns('localhost', { expect: foreign.pattern, servers: foreign.servers })
  await expect(checked).resolves.toMatchObject({ ok: true })
  expect(entry.icmp.decode(foreign.payload)).toMatchObject({ kind: 'echo-reply' })
})

test('the copy shares no array, bytes or plain object with the given options', () => {
  const given = { servers: ['a'], tls: { ca: [Buffer.from('ca')], more: { key: 'k' } } }
  const kept = checkOptions('call', given, { servers: arrayOf(string), tls: copied })
  given.servers.push('b')
  given.tls.ca[0]!.fill(0)
  given.tls.more.key = 'other'
  expect(kept).toEqual({ servers: ['a'], tls: { ca: [Buffer.from('ca')], more: { key: 'k' } } })
})

const odd = [
  null,
  0,
  -1,
  Number.NaN,
  2 ** 31,
  5n,
  '',
  'x',
  '\0',
  {},
  [],
  [null],
  () => 1,
  Symbol('odd'),
  new Map(),
  /x/,
]

test.each(names)('%s throws no internal TypeError for odd values', async name => {
  for (const key of await knownTo(name)) {
    // Other host values would cause DNS questions.
    for (const value of key === 'host' ? odd.filter(value => typeof value !== 'string') : odd) {
      try {
        const made = calls[name]!({ [key]: value })
        if (made instanceof Promise) await settle(made)
      } catch (error) {
        const { code, name: kind, stack } = error as NodeJS.ErrnoException
        // undici's own errors, as for any fetch.
        if (/undici/.test(stack!)) continue
        expect({ key, value, kind, code }).toMatchObject({ code: expect.any(String) })
      }
    }
  }
})
