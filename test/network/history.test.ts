import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { CheckHistory } from '../../src/cli/monitor/web/history-report.js'
import { readPast } from '../../src/cli/monitor/web/stored-history.js'
import { readHistory } from '../../src/cli/report/read.js'
import type { MonitorOptions } from '../../src/index.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import { lab, needs } from '../lab/index.js'
import { netvia, objects } from '../unit/cli-process.js'
import { schemaErrors } from '../unit/cli-schema.js'
import { startMonitor } from '../unit/monitor-command.js'
import { bad, begin, ok, simulate, uplinks } from '../unit/monitor-world.js'
import { hasSqlite } from './has-sqlite.js'
import { inSimulatedTime, kept, minute, openDatabase, pass, place } from './kept-history.js'
import { configuration } from './monitored.js'

if (!hasSqlite) {
  test('a history without SQLite names the Node that it needs, in the library and in the command', async () => {
    const options = { history: '/tmp/history.db', uplinks: [{ name: 'a', checks: [{ type: 'ping', host: '::1' }] }] }
    expect(() => new UplinkMonitor(options as MonitorOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED_RUNTIME', hint: 'use Node 22.13 or later' }),
    )
    const { code, stderr } = await netvia(['report', '--history', '/tmp/history.db'])
    expect(code).toBe(4)
    expect(stderr).toMatch(/node:sqlite.*Node 20.*use Node 22.13 or later/)
  })
} else {
  describe('the history of a monitor', () => {
    inSimulatedTime()

    test('has each outage with its cause, the share of every state, and the loss', async () => {
      const { monitor, says, report } = kept()
      await pass(10 * minute)
      says.wan1 = bad
      await pass(2 * minute)
      says.wan1 = ok
      await pass(48 * minute)
      await monitor.stop()
      const fibre = report()
      const [outage] = fibre.outages
      expect(fibre.outages).toHaveLength(1)
      expect(outage).toMatchObject({ reason: '3 bad rounds in a row: ping 192.0.2.1: timeout' })
      // Three rounds until the uplink is down, and three until it is up again.
      expect(outage!.from).toBeGreaterThanOrEqual(begin + 10 * minute)
      expect(outage!.from).toBeLessThan(begin + 10 * minute + 5000)
      expect(outage!.ms).toBeGreaterThan(minute)
      expect(outage!.to).toBe(outage!.from + outage!.ms)
      const { upMs, degradedMs, downMs, unknownMs, forcedMs, availability } = fibre
      expect(downMs).toBe(outage!.ms)
      expect(upMs + degradedMs + downMs + unknownMs + forcedMs).toBe(60 * minute)
      expect(availability).toBeCloseTo(1 - downMs / (upMs + degradedMs + downMs), 9)
      expect(fibre.checks).toBeGreaterThan(3500)
      expect(fibre.lossRatio).toBeCloseTo(120 / fibre.checks, 3)
      for (const time of [fibre.p50Ms, fibre.p95Ms, fibre.p99Ms]) expect(Math.abs(time! - 10)).toBeLessThan(0.1)
      expect(report('lte')).toMatchObject({ outages: [], lossRatio: 0, downMs: 0 })
    })

    test('returns one uplink in steps to the page, and the checks continue meanwhile', async () => {
      const { monitor, says, history } = kept()
      await pass(10 * minute)
      says.wan1 = bad
      await pass(20 * minute)
      says.wan1 = ok
      await pass(270 * minute)
      await monitor.stop()
      const range = { seconds: 36_000, step: 1800 }
      let turns = 0
      const count = () => {
        turns++
        counting = setImmediate(count)
      }
      let counting = setImmediate(count)
      const reading = readPast(history, 'fibre', range)
      const { from, step, state, checks, availability, outages } = await reading
      clearImmediate(counting)
      // 300 minutes are read, 200 per turn.
      expect(turns).toBeGreaterThan(0)
      expect(state).toHaveLength(20)
      const first = (begin / 1000 - ((begin / 1000) % step) - from) / step
      expect(state.slice(0, first)).toEqual(Array(first).fill(null))
      expect(state.slice(first, first + 4)).toEqual(['down', 'down', 'up', 'up'])
      expect(outages).toEqual([expect.objectContaining({ reason: '3 bad rounds in a row: ping 192.0.2.1: timeout' })])
      expect(availability).toBeCloseTo(1 - 20 / 300, 2)
      expect(checks).toMatchObject([{ type: 'ping', target: '192.0.2.1' }])
      const [{ minMs, medianMs, p95Ms, lossRatio }] = checks as [CheckHistory]
      for (const column of [minMs, medianMs, p95Ms]) expect(Math.abs(column[first + 3]! - 10)).toBeLessThan(0.1)
      expect(lossRatio.slice(first + 2, first + 4)).toEqual([0, 0])
      expect(lossRatio[first]! + lossRatio[first + 1]!).toBeGreaterThan(0.5)
      expect(await readPast(history, 'lte', range)).toMatchObject({ outages: [], checks: [{ type: 'tcp' }] })
      expect(await readPast(history, 'nobody', range)).toMatchObject({ outages: [], checks: [], availability: null })
    })

    test('has the jitter between successive answers, also of minutes with one answer each', async () => {
      const { monitor, says, history, report } = kept({ interval: minute })
      let isLong = false
      Object.defineProperty(says, 'wan1', {
        get() {
          isLong = !isLong
          return { ...ok, latencyMs: isLong ? 14 : 10 }
        },
      })
      await pass(60 * minute)
      await monitor.stop()
      expect(report().jitterMs).toBeCloseTo(4, 2)
      expect(report().targets).toMatchObject([{ jitterMs: expect.closeTo(4, 2) }])
      const { checks } = await readPast(history, 'fibre', { seconds: 7200, step: 1800 })
      const jitter = checks[0]!.jitterMs.filter(value => value !== null)
      expect(jitter.length).toBeGreaterThan(1)
      for (const value of jitter) expect(value).toBeCloseTo(4, 2)
    })

    test('continues a history from before jitter and devices were recorded, which can also be read unchanged', async () => {
      const { monitor, says, history, report } = kept()
      says.wan1 = bad
      await pass(minute)
      says.wan1 = ok
      await pass(10 * minute)
      await monitor.stop()
      const { DatabaseSync } = createRequire(import.meta.url)('node:sqlite')
      const old = new DatabaseSync(history)
      old.exec('ALTER TABLE minute DROP COLUMN jitter; ALTER TABLE state DROP COLUMN device')
      old.close()
      const outages = [{ device: 'wan1' }]
      expect(report()).toMatchObject({ jitterMs: null, p50Ms: expect.closeTo(10, 0), outages })
      const range = { seconds: 7200, step: 1800 }
      const jitter = async () => (await readPast(history, 'fibre', range)).checks[0]!.jitterMs
      expect(new Set(await jitter())).toEqual(new Set([null]))
      const next = kept({}, history)
      await pass(10 * minute)
      await next.monitor.stop()
      expect(next.warnings).toEqual([])
      expect(report()).toMatchObject({ jitterMs: 0, outages })
      expect(await jitter()).toContain(0)
    })

    test('reports the time without a monitor as unknown, and continues with the next one', async () => {
      const { monitor, says, history, report } = kept()
      await pass(30 * minute)
      await monitor.stop()
      await pass(60 * minute)
      const second = kept({}, history)
      Object.assign(second.says, says)
      await pass(30 * minute)
      await second.monitor.stop()
      const { unknownMs, upMs, availability } = report()
      expect(availability).toBe(1)
      expect(upMs).toBeGreaterThan(59 * minute)
      expect(unknownMs).toBe(120 * minute - upMs)
    })

    test('excludes forced states from the availability', async () => {
      const { monitor, report } = kept()
      await pass(10 * minute)
      await monitor.force('fibre', 'down', { forMs: 20 * minute, why: 'maintenance' })
      await pass(50 * minute)
      await monitor.stop()
      expect(report()).toMatchObject({ availability: 1, downMs: 0, forcedMs: 20 * minute, outages: [] })
    })

    test('ends with an uplink that is no longer watched', async () => {
      const { monitor, history, report } = kept()
      await pass(10 * minute)
      const [, lte] = simulate().monitor.snapshot().uplinks
      await monitor.configure({
        history,
        uplinks: [{ name: lte!.name, device: 'wan2', checks: [{ type: 'tcp', host: '192.0.2.1', port: 443 }] }],
      })
      await pass(50 * minute)
      await monitor.stop()
      expect(report().upMs).toBeLessThan(11 * minute)
      expect(report('lte').upMs).toBeGreaterThan(55 * minute)
    })

    test('is correct after the clock was set: a router without a battery starts in another year', async () => {
      const { monitor, says, report } = kept()
      says.wan1 = bad
      await pass(10 * minute)
      const step = 365 * 86_400_000
      vi.setSystemTime(Date.now() + step)
      says.wan1 = ok
      await pass(20 * minute)
      await monitor.stop()
      const { outages, upMs, unknownMs } = report('fibre', begin + step)
      expect(outages).toHaveLength(1)
      expect(outages[0]!.from).toBeLessThan(begin + step + minute)
      expect(outages[0]!.ms).toBeGreaterThan(9 * minute)
      expect(outages[0]!.ms).toBeLessThan(15 * minute)
      expect(upMs).toBeGreaterThan(10 * minute)
      expect(unknownMs).toBeLessThan(minute)
    })

    test('reports an hour in which the machine was suspended as unknown, and shifts nothing', async () => {
      let suspended = 0
      vi.spyOn(os, 'uptime').mockImplementation(() => (process.hrtime()[0] * 1000 + suspended) / 1000)
      onTestFinished(() => void vi.restoreAllMocks())
      const { monitor, says, report } = kept()
      await pass(10 * minute)
      says.wan1 = bad
      await pass(10 * minute)
      says.wan1 = ok
      await pass(10 * minute)
      const [outage] = report().outages
      const { since } = monitor.snapshot().uplinks[0]!
      suspended = 60 * minute
      vi.setSystemTime(Date.now() + suspended)
      await pass(30 * minute)
      expect(monitor.snapshot().uplinks[0]!.since).toBe(since)
      await monitor.stop()
      const { upMs, downMs, unknownMs, outages } = report()
      expect(outages).toEqual([outage])
      expect(upMs + downMs).toBeGreaterThan(59 * minute)
      expect(upMs + downMs).toBeLessThan(61 * minute)
      expect(Math.abs(unknownMs - 60 * minute)).toBeLessThan(minute)
    })

    test('keeps minutes for 90 days, and outages forever', async () => {
      const { monitor, says, history, report } = kept()
      await pass(10 * minute)
      says.wan1 = bad
      await pass(10 * minute)
      await monitor.stop()
      vi.setSystemTime(begin + 91 * 86_400_000)
      const later = kept({}, history)
      await pass(15 * minute)
      await later.monitor.stop()
      expect(report().outages.length).toBeGreaterThan(0)
      const old = report('fibre', begin, begin + 30 * minute)
      expect(old).toMatchObject({ checks: 0, lossRatio: null, p50Ms: null })
      expect(old.downMs).toBeGreaterThan(9 * minute)
    })

    test('loses only the oldest minutes after the clock was a year ahead for a while', async () => {
      const first = kept()
      await pass(120 * minute)
      await first.monitor.stop()
      const checks = () => first.report('fibre', begin, begin + 120 * minute).checks
      const before = checks()
      const [ahead, right] = [365 * 86_400_000, Date.now()]
      vi.setSystemTime(right + ahead)
      const { monitor, says } = kept({}, first.history)
      await pass(10 * minute)
      says.wan1 = bad
      await pass(10 * minute)
      vi.setSystemTime(Date.now() - ahead)
      await pass(10 * minute)
      await monitor.stop()
      // Twenty minutes of a wrong clock lose forty minutes, and the change of state loses one more.
      expect(checks()).toBeGreaterThan((before * 78) / 120)
      expect(first.report('fibre', right).outages).toHaveLength(1)
    })

    test("does not apply the old device's state to an uplink whose device was changed", async () => {
      const { monitor, says, report, history } = kept()
      says.wan1 = bad
      await pass(10 * minute)
      // With `up: 600`, the first verdict takes ten minutes.
      await monitor.configure({ history, up: 600, uplinks: [{ ...uplinks[0]!, device: 'wan2' }] })
      await pass(20 * minute)
      await monitor.stop()
      const { outages, downMs, upMs, unknownMs, device } = report()
      expect(device).toBe('wan2')
      expect(outages).toMatchObject([{ to: begin + 10 * minute }])
      expect(downMs).toBeLessThan(10 * minute)
      expect(unknownMs).toBeGreaterThan(9 * minute)
      expect(upMs).toBeGreaterThan(9 * minute)
    })

    test('has the device of each outage', async () => {
      const { monitor, says, report, history } = kept()
      const on = (device?: string) => monitor.configure({ history, uplinks: [{ ...uplinks[0]!, device }] })
      says.wan1 = says.undefined = bad
      await pass(10 * minute)
      await on(undefined)
      await pass(10 * minute)
      says.wan2 = bad
      await on('wan2')
      await pass(10 * minute)
      await monitor.stop()
      const next = kept({ uplinks: [{ ...uplinks[0]!, device: 'wan1' }] }, history)
      await pass(10 * minute)
      await next.monitor.stop()
      expect(next.warnings).toEqual([])
      expect(report()).toMatchObject({
        device: 'wan1',
        outages: [{ device: 'wan1' }, { device: null }, { device: 'wan2' }],
      })
      vi.useRealTimers()
      const told = async (...args: string[]) =>
        (await netvia(['report', '--history', history, '--since', '2001-09-08', ...args])).stdout
      expect(await told()).toMatch(/ fibre +3 bad.*\n.* fibre \(no device\) +3 bad.*\n.* fibre \(wan2\) +3 bad/)
      expect(await told('--csv', 'outages')).toMatch(/\nfibre,wan1,.*\nfibre,,.*\nfibre,wan2,/)
      expect(await schemaErrors(objects(await netvia(['report', '--history', history, '--json'])))).toEqual([])
    })

    test('waits for a missing folder, warns once, and loses nothing', async () => {
      const folder = join(place(), '..', 'later')
      const { monitor, says, report, warnings } = kept({}, join(folder, 'history.db'))
      says.wan1 = bad
      await pass(10 * minute)
      expect(warnings.map(({ source, message }) => ({ source, message }))).toEqual([
        { source: 'history', message: expect.stringMatching(/history\.db: unable to open database file/) },
      ])
      mkdirSync(folder)
      says.wan1 = ok
      await pass(10 * minute)
      await monitor.stop()
      expect(report().outages).toHaveLength(1)
      expect(report().outages[0]!.from).toBeLessThan(begin + minute)
      expect(report().checks).toBeGreaterThan(1000)
    })

    test('retries without waiting for a lock, warns after a minute, and loses nothing', async () => {
      const file = place()
      const { monitor, says, report, warnings } = kept({}, file)
      await pass(minute)
      const other = openDatabase(file)
      onTestFinished(() => other.close())
      const begun = performance.now()
      other.exec('BEGIN IMMEDIATE')
      says.wan1 = bad
      await pass(minute / 2)
      expect(warnings).toEqual([])
      other.exec('COMMIT')
      await pass(5000)
      const fibre = report()
      expect(fibre.outages).toHaveLength(1)
      other.exec('BEGIN IMMEDIATE')
      await pass(5 * minute)
      expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/database is locked/)])
      other.exec('COMMIT')
      // If it waited for the lock, each of about twenty attempts would block the event loop for a second.
      expect(performance.now() - begun).toBeLessThan(15_000)
      await pass(minute)
      expect(report().checks).toBeGreaterThan(fibre.checks + 5 * 60)
      await monitor.stop()
    })

    test('continues in a new file with the current states when its own was moved or replaced', async () => {
      const { monitor, says, report, history } = kept()
      await pass(10 * minute)
      says.wan1 = bad
      await pass(10 * minute)
      renameSync(history, `${history}.old`)
      await pass(10 * minute)
      expect(report()).toMatchObject({ outages: [{ to: null }], downMs: expect.any(Number) })
      expect(report().downMs).toBeGreaterThan(19 * minute)
      // A copy of the first file, whose runs have the same numbers, takes its place.
      rmSync(history)
      copyFileSync(`${history}.old`, history)
      await pass(10 * minute)
      await monitor.stop()
      const runs = openDatabase(history)
      onTestFinished(() => runs.close())
      expect(runs.prepare('SELECT count(*) AS count FROM run').get()).toEqual({ count: 2 })
    })

    test('keeps the data of a long run when the clock is set, and removes old minutes in parts', async () => {
      const { monitor, says, history, report } = kept({ interval: minute })
      for (let hour = 0; hour < 45; hour++) await pass(60 * minute)
      const [first, step] = [report('fibre', begin, begin + 60 * minute).checks, 60 * minute]
      expect(first).toBeGreaterThan(50)
      vi.setSystemTime(Date.now() + step)
      says.wan1 = bad
      await pass(10 * minute)
      expect(report('fibre', begin, begin + 60 * minute).checks).toBe(first)
      const { upMs, outages } = report('fibre', Date.now() - 11 * minute)
      expect(upMs).toBeGreaterThan(minute)
      expect(outages).toHaveLength(1)
      await monitor.stop()
      const minutes = () => {
        const database = openDatabase(history)
        const { count } = database.prepare('SELECT count(*) AS count FROM minute').get() as { count: number }
        database.close()
        return count
      }
      const before = minutes()
      expect(before).toBeGreaterThan(5200)
      vi.setSystemTime(begin + 100 * 86_400_000)
      const later = kept({}, history)
      await pass(60 * minute)
      await later.monitor.stop()
      // With two targets, each of sixty minutes adds two rows and removes four.
      expect(before - minutes()).toBeGreaterThan(110)
      expect(before - minutes()).toBeLessThan(130)
    })

    test("never writes to another program's file, and the rounds continue", async () => {
      const file = place()
      const other = openDatabase(file)
      other.exec('CREATE TABLE precious (id)')
      other.close()
      const { monitor, warnings } = kept({}, file)
      await pass(minute)
      expect(warnings[0]!.message).toMatch(/this is not a history of netvia/)
      expect(monitor.snapshot().uplinks[0]!.state).toBe('up')
      await monitor.stop()
      expect(() => readHistory(file, { from: 0, to: 1 })).toThrow(expect.objectContaining({ code: 'ERR_HISTORY' }))
    })

    test.each([
      ['a FIFO', (file: string) => void execFileSync('mkfifo', [file]), /this is not a file/],
      ['a device', (file: string) => symlinkSync('/dev/zero', file), /this is not a file/],
      ['a folder', (file: string) => void mkdirSync(file), /this is not a file/],
      ['text', (file: string) => writeFileSync(file, 'precious'.repeat(1000)), /not a database; move the damaged file/],
    ])('with %s in its place: one warning, no lost rounds, and a clear error of the report', async (_, put, words) => {
      const file = place()
      put(file)
      const { monitor, warnings } = kept({}, file)
      await pass(3 * minute)
      expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(words)])
      expect(monitor.snapshot().uplinks[0]!.state).toBe('up')
      await monitor.stop()
      expect(() => readHistory(file, { from: 0, to: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_HISTORY', message: expect.stringMatching(words) }),
      )
    })

    test('that is half overwritten is reported as damaged, and a new one is started under a free name', async () => {
      const first = kept()
      await pass(30 * minute)
      await first.monitor.stop()
      const { history } = first
      const { size } = statSync(history)
      writeFileSync(history, Buffer.concat([readFileSync(history).subarray(0, 100), Buffer.alloc(size, 0xa5)]))
      const { monitor, warnings, report } = kept({}, history)
      await pass(5 * minute)
      expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/; move the damaged file away/)])
      renameSync(history, `${history}.damaged`)
      await pass(5 * minute)
      await monitor.stop()
      expect(report().upMs).toBeGreaterThan(4 * minute)
      expect(warnings).toHaveLength(1)
    })

    test('is small: a day of three uplinks with two checks each', async () => {
      const written = () => Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1])
      const before = written()
      const { monitor, history, says } = kept({
        interval: 10_000,
        uplinks: ['a', 'b', 'c'].map(name => ({
          name,
          device: 'wan1',
          checks: [
            { type: 'ping', host: '192.0.2.1' },
            { type: 'tcp', host: '192.0.2.1', port: 443 },
          ],
        })),
      })
      // Realistic latencies of around 10 ms.
      Object.defineProperty(says, 'wan1', { get: () => ({ ...ok, latencyMs: 8 + 2 / (1 - Math.random()) ** 0.3 }) })
      await pass(86_400_000)
      await monitor.stop()
      const { size } = statSync(history)
      const megabytes = ((written() - before) / 2 ** 20).toFixed(1)
      console.log(`a day of three uplinks, two checks each: ${(size / 1024).toFixed(0)} KB; written: ${megabytes} MB`)
      expect(size).toBeLessThan(1000 * 1024)
    })
  })

  describe('netvia report', () => {
    needs('nft')

    test('reports the past, also after the monitor was killed in an outage', { timeout: 60_000 }, async () => {
      const history = place()
      const monitor = startMonitor(`history: ${history}\n${configuration}`)
      await monitor.says(/fibre.*: unknown -> up/)
      await monitor.says(/lte: unknown -> up/)
      lab.fault('isp1', 'icmp type echo-request drop')
      await monitor.says(/fibre: up -> down/)
      const report = async (...args: string[]) => netvia(['report', '--history', history, '--since', '1h', ...args])
      const json = async () => objects(await report('--json')) as { name: string; outages: { to: number | null }[] }[]
      const outages = async () =>
        existsSync(history) ? (await json()).find(({ name }) => name === 'fibre') : undefined
      await expect.poll(async () => (await outages())?.outages.length, { timeout: 20_000, interval: 300 }).toBe(1)
      monitor.child.kill('SIGKILL')
      await sleep(100)
      const lines = await json()
      expect(await schemaErrors(lines)).toEqual([])
      expect(lines).toMatchObject([
        { name: 'fibre', device: 'wan1', outages: [{ to: null, reason: expect.stringContaining('timeout') }] },
        { name: 'lte', device: 'wan2', outages: [], availability: 1, lossRatio: 0 },
      ])
      const { stdout, code } = await report()
      expect(code).toBe(0)
      expect(stdout).toMatch(/^fibre +wan1 +\d+\.\d{4}% +1 +0:\d\d /m)
      expect(stdout).toMatch(/^1 outage$/m)
      expect(stdout).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z +0:\d\d\+ +fibre +3 bad rounds in a row: ping [\d.]+: timeout/m)
      expect((await report('-I', 'wan2', '--csv')).stdout).toMatch(
        /^uplink,device,availability,.*\nlte,wan2,1,0,[\d.]+,0,0,0,[\d.]+,0,[\d.]+,[\d.]+,[\d.]+,[\d.]+\n$/,
      )
      expect((await report('--csv', 'outages')).stdout).toMatch(
        /^uplink,device,from,to,seconds,cause\nfibre,wan1,[^,]+Z,,[\d.]+,"?3 bad rounds/,
      )
      expect((await report('nope')).code).toBe(3)
      expect(await report('-I', 'wan9')).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining('wan1, wan2'),
      })
    })

    test('finds the history that the configuration names, and reports a missing one', async () => {
      const history = place()
      const file = join(history, '..', 'uplinks.yaml')
      writeFileSync(file, `history: ${history}\n${configuration}`)
      const missing = await netvia(['report', '-c', file])
      expect(missing.code).toBe(4)
      expect(missing.stderr).toContain(history)
      writeFileSync(file, configuration)
      expect(await netvia(['report', '-c', file])).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('has no "history"'),
      })
      expect(await netvia(['report'])).toMatchObject({ code: 3 })
    })
  })
}
