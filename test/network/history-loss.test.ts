import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { uplinks } from '../unit/monitor-world.js'
import { hasSqlite } from './has-sqlite.js'
import { inSimulatedTime, kept, minute, openDatabase, pass, place } from './kept-history.js'

type World = ReturnType<typeof kept>

/** Counts the check results of `fibre`, for comparison with the history. */
function counted(world: World) {
  let checks = 0
  world.monitor.on('check', ({ uplink }) => {
    if (uplink === 'fibre') checks++
  })
  return () => checks
}

/** All checks in the history, for any setting of the clock. */
const everything = (world: World) => world.report('fibre', 0, Number.MAX_SAFE_INTEGER).checks

const losses = () => {
  inSimulatedTime()

  test.each([-7, 10, 25])('the clock set by %i whole minutes, so that minutes would overlap', async steps => {
    const world = kept()
    const checks = counted(world)
    await pass(20 * minute)
    vi.setSystemTime(Date.now() + steps * minute)
    await pass(5 * minute)
    await world.monitor.stop()
    expect(everything(world)).toBe(checks())
  })

  test('an uplink that is no longer watched when the disk appears', async () => {
    const folder = join(place(), '..', 'later')
    const world = kept({}, join(folder, 'history.db'))
    const checks = counted(world)
    await pass(10 * minute)
    await world.monitor.configure({ history: world.history, uplinks: uplinks.slice(1) })
    await pass(minute)
    mkdirSync(folder)
    await pass(2 * minute)
    await world.monitor.stop()
    expect(everything(world)).toBe(checks())
    expect(world.report()).toMatchObject({ device: 'wan1', availability: 1 })
  })

  test('a monitor that ends while its file is locked loses its last minute, and warns', async () => {
    const world = kept()
    await pass(2 * minute)
    const other = openDatabase(world.history)
    onTestFinished(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    await pass(minute / 2)
    await world.monitor.stop()
    await pass(1)
    expect(world.warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/database is locked/)])
  })

  test('a monitor that is started again before it has ended keeps its history', async () => {
    const world = kept()
    const checks = counted(world)
    await pass(5 * minute)
    const stopped = world.monitor.stop()
    world.monitor.start()
    await stopped
    await pass(5 * minute)
    await world.monitor.stop()
    expect(world.warnings).toEqual([])
    expect(everything(world)).toBe(checks())
  })

  test('a removed lock lets a second monitor in, and the first one stops writing', async () => {
    const first = kept()
    await pass(5 * minute)
    rmSync(`${first.history}-lock`)
    const second = kept({}, first.history)
    await pass(5 * minute)
    expect([...first.warnings, ...second.warnings].map(({ message }) => message)).toEqual([
      expect.stringMatching(/another monitor writes to this history/),
    ])
    for (const { monitor } of [first, second]) await monitor.stop()
    // The file has the checks of one monitor, not of both.
    expect(everything(first)).toBeLessThan(11 * 60)
    expect(everything(first)).toBeGreaterThan(9 * 60)
  })
}

if (hasSqlite) describe('what a history could lose or count twice', losses)
else test('without SQLite there is no history', () => expect(hasSqlite).toBe(false))
