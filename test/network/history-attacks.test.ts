import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { readPast } from '../../src/cli/monitor/web/stored-history.js'
import { readHistory } from '../../src/cli/report/read.js'
import { netvia } from '../unit/cli-process.js'
import { bad, begin, ok } from '../unit/monitor-world.js'
import { hasSqlite } from './has-sqlite.js'
import { inSimulatedTime, kept, minute, openDatabase, pass, place } from './kept-history.js'

const attacks = () => {
  inSimulatedTime()

  test('belongs to one monitor: a second one warns, and takes over when the first has ended', async () => {
    const first = kept()
    await pass(10 * minute)
    const second = kept({}, first.history)
    for (const { says } of [first, second]) says.wan1 = bad
    await pass(10 * minute)
    for (const { says } of [first, second]) says.wan1 = ok
    await pass(10 * minute)
    expect(first.warnings).toEqual([])
    expect(second.warnings.map(({ message }) => message)).toEqual([
      `history: ${first.history}: another monitor writes to this history; give each monitor a file of its own`,
    ])
    await first.monitor.stop()
    await pass(10 * minute)
    await second.monitor.stop()
    const { outages, upMs, degradedMs, downMs, unknownMs } = first.report()
    expect(outages).toHaveLength(1)
    expect(unknownMs).toBeGreaterThanOrEqual(0)
    expect(unknownMs).toBeLessThan(minute / 4)
    expect(upMs + degradedMs + downMs + unknownMs).toBe(40 * minute)
    expect(second.warnings).toHaveLength(1)
  })

  test('is free again when its monitor switches to another file', async () => {
    const first = kept()
    await pass(minute)
    await first.monitor.configure({
      history: place(),
      uplinks: [{ name: 'x', device: 'wan1', checks: [{ type: 'ping', host: '::1' }] }],
    })
    const second = kept({}, first.history)
    await pass(2 * minute)
    expect(second.warnings).toEqual([])
    for (const { monitor } of [first, second]) await monitor.stop()
  })

  test('counts no time twice if the clock was set back between two runs', async () => {
    const first = kept()
    await pass(30 * minute)
    await first.monitor.stop()
    vi.setSystemTime(begin + 10 * minute)
    const second = kept({}, first.history)
    await pass(30 * minute)
    await second.monitor.stop()
    const { upMs, unknownMs } = second.report()
    expect(upMs + unknownMs).toBe(40 * minute)
    expect(unknownMs).toBeGreaterThanOrEqual(0)
  })

  test('can be read on a read-only disk, except for a leftover log', async () => {
    const folder = join(place(), '..', 'disk')
    mkdirSync(folder)
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder])
    onTestFinished(() => void spawnSync('umount', ['-l', folder]))
    const { monitor, history } = kept({}, join(folder, 'a ?#%history.db'))
    await pass(10 * minute)
    for (const end of ['', '-wal']) execFileSync('cp', [history + end, join(folder, `killed.db${end}`)])
    await monitor.stop()
    execFileSync('mount', ['-o', 'remount,ro', folder])
    const period = { from: begin, to: Date.now() }
    expect(readHistory(history, period)[0]).toMatchObject({ name: 'fibre', availability: 1, downMs: 0 })
    expect(await readPast(history, 'fibre', { seconds: 3600, step: 600 })).toMatchObject({ availability: 1 })
    expect(() => readHistory(join(folder, 'killed.db'), period)).toThrow(
      expect.objectContaining({
        code: 'ERR_HISTORY',
        message: expect.stringMatching(/killed\.db: its newest entries.*copy both/),
      }),
    )
    const { warnings, monitor: next } = kept({}, history)
    await pass(5 * minute)
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/readonly|unable to open/)])
    expect(next.snapshot().uplinks[0]!.state).toBe('up')
    await next.stop()
  })

  test('that is missing is reported as missing', async () => {
    const file = place()
    expect(() => readHistory(file, { from: 0, to: 1 })).toThrow(`${file}: there is no such file`)
  })

  test.each([
    ['text as a time', "UPDATE state SET at = 'x'", /history\.db: the time of a state is damaged: x/],
    ['an infinite time', 'UPDATE run SET ended = 9e18', /history\.db: .*too large/],
    ['an escape sequence as a time', "UPDATE state SET at = '\x1b[2J' WHERE id = 3", /the time of a state is damaged/],
  ])('with %s is an error that names the file', async (_, sql, words) => {
    const { monitor, history } = kept()
    await pass(3 * minute)
    await monitor.stop()
    const database = openDatabase(history)
    database.exec(sql)
    database.close()
    const error = expect.objectContaining({
      code: 'ERR_HISTORY',
      address: history,
      message: expect.stringMatching(words),
    })
    expect(() => readHistory(history, { from: begin, to: Date.now() })).toThrow(error)
    await expect(readPast(history, 'fibre', { seconds: 3600, step: 600 })).rejects.toEqual(error)
    vi.useRealTimers()
    const { code, stderr } = await netvia(['report', '--history', history, '--since', '2001-09-09'])
    expect(code).toBe(4)
    expect(stderr).not.toContain('\x1b')
  })

  test.each([
    ['a removed target', 'DELETE FROM target'],
    [
      'names that are bytes',
      "UPDATE uplink SET device = x'00ff'; UPDATE target SET target = x'1b5b'; UPDATE state SET reason = x'07'",
    ],
    ['invalid latencies', "UPDATE minute SET latencies = 'x'"],
  ])('with %s can be read', async (_, sql) => {
    const { monitor, history, report } = kept()
    await pass(3 * minute)
    await monitor.stop()
    const database = openDatabase(history)
    database.exec(sql)
    database.close()
    expect(report()).toMatchObject({ name: 'fibre', device: expect.any(String), availability: 1 })
    expect(await readPast(history, 'fibre', { seconds: 3600, step: 600 })).toMatchObject({ availability: 1 })
  })

  test('of a line that has flapped for a year is read in parts, from the start of the range', async () => {
    const { monitor, history } = kept()
    await pass(minute)
    await monitor.stop()
    const database = openDatabase(history)
    const count = 50_000
    database.exec(`BEGIN; UPDATE run SET begun = begun - 1000 * ${count}; DELETE FROM state;
      WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})
      INSERT INTO state (run, uplink, at, state, forced, reason)
      SELECT 1, 1, ${begin} - 1000 * i, CASE i % 2 WHEN 0 THEN 'up' ELSE 'down' END, 0, 'it flaps' FROM n; COMMIT`)
    database.close()
    const turnsFor = async (seconds: number) => {
      let turns = 0
      const count = () => {
        turns++
        counting = setImmediate(count)
      }
      let counting = setImmediate(count)
      const { outages, outageCount } = await readPast(history, 'fibre', { seconds, step: seconds / 100 })
      clearImmediate(counting)
      // The report has the newest outages.
      expect(outages).toHaveLength(1000)
      expect(outages.at(-1)!.from).toBeGreaterThan(begin - 3000)
      return { turns, outages: outageCount }
    }
    const [hour, day] = [await turnsFor(3600), await turnsFor(86_400)]
    expect(hour.outages).toBeGreaterThan(1700)
    expect(hour.outages).toBeLessThan(1900)
    expect(hour.turns).toBeLessThan(40)
    expect(day.outages).toBe(count / 2)
    expect(day.turns).toBeGreaterThan(count / 1000)
  })

  test('continues in a new file when all its files were moved away', async () => {
    const { monitor, history, report, warnings } = kept()
    await pass(10 * minute)
    for (const end of ['', '-wal', '-shm', '-lock']) renameSync(history + end, `${history}.old${end}`)
    await pass(2 * minute)
    rmSync(`${history}.old`)
    await pass(8 * minute)
    await monitor.stop()
    expect(report().upMs).toBeGreaterThan(8 * minute)
    expect(warnings).toEqual([])
  })
}

if (hasSqlite) describe('a history that is shared, damaged, huge or out of reach', attacks)
else
  test('without SQLite, the error for a history names Node', () => {
    expect(() => readHistory('/nowhere/history.db', { from: 0, to: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED_RUNTIME' }),
    )
  })
