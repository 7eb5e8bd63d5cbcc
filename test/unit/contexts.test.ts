import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { sweep, sweepPorts, UplinkMonitor } from '../../src/index.js'

/** Runs it in two contexts at the same time. `seen` gets the current context for each that should be current. */
async function inTwoContexts(work: (note: () => void) => Promise<void>): Promise<void> {
  const context = new AsyncLocalStorage<number>()
  const seen: [number, number | undefined][] = []
  const note = (number: number) => () => void seen.push([number, context.getStore()])
  await Promise.all([1, 2].map(number => context.run(number, work, note(number))))
  expect(seen.length).toBeGreaterThanOrEqual(6)
  expect(seen.filter(([wanted, current]) => wanted !== current)).toEqual([])
}

test('the events of a monitor have the context of the call that made it', () =>
  inTwoContexts(async note => {
    const check = { type: 'ping', host: '127.0.0.1' } as const
    await using monitor = new UplinkMonitor({ interval: 10, uplinks: [{ name: 'here', checks: [check, check] }] })
    const rounds = new Promise<void>(resolve => {
      let checks = 0
      monitor.on('check', () => ++checks === 40 && resolve())
    })
    monitor.on('check', note).on('state', note)
    monitor.start()
    await rounds
  }))

const sweeps = {
  sweep: (targets: Iterable<string>) => sweep(targets, { concurrency: 1 }),
  sweepPorts: (targets: Iterable<string>) => sweepPorts(targets, { ports: [1], concurrency: 1 }),
}

test.each(Object.entries(sweeps))('the targets of %s are drawn in the context of its first next()', (_name, call) =>
  inTwoContexts(async note => {
    function* targets() {
      try {
        for (let host = 1; host < 20; host++) {
          note()
          yield `127.0.0.${host}`
        }
      } finally {
        note()
      }
    }
    let left = 10
    for await (const _result of call(targets())) if (--left === 0) break
  }),
)
