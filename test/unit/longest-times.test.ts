import { expect, test } from 'vitest'
import { milliseconds } from '../../src/options.js'
import { calls } from './public-calls.js'

const times = [
  ...['timeout', 'interval', 'connectTimeout', 'handshakeTimeout', 'idleTimeout', 'answerTimeout'],
  ...['failureInterval', 'recoveryInterval', 'minimumTime', 'hookTimeout', 'duration'],
]

// Node's timers fire immediately for delays beyond their limit. `fetch` is excluded, because undici checks its own options.
test.each(Object.keys(calls).filter(name => !name.endsWith('fetch')))(
  "%s refuses times beyond a timer's limit",
  async name => {
    for (const option of times) {
      const outcome = await (async () => calls[name]!({ [option]: 2 ** 31 }))().then(
        () => 'taken',
        error => error,
      )
      expect(outcome).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
      expect(outcome.message).toMatch(new RegExp(`${option} must be|unknown option "${option}"`))
    }
  },
)

test('the longest time is accepted', () => {
  expect(milliseconds(2 ** 31 - 1, 'time')).toBe(2 ** 31 - 1)
  for (const time of [2 ** 31, -1, Number.NaN, Number.POSITIVE_INFINITY, '1'])
    expect(() => milliseconds(time, 'time')).toThrow(/time must be/)
})
