import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, onTestFinished, vi } from 'vitest'
import type { SqliteDatabase } from '../../src/builtins.js'
import { readHistory } from '../../src/cli/report/read.js'
import type { MonitorOptions, WarningEvent } from '../../src/index.js'
import { begin, simulate } from '../unit/monitor-world.js'

export const minute = 60_000
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** Works only if this Node has node:sqlite. */
export function openDatabase(file: string): SqliteDatabase {
  const { DatabaseSync } = createRequire(import.meta.url)('node:sqlite')
  return new DatabaseSync(file)
}

export function place() {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-history-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'history.db')
}

/** A simulated world whose monitor keeps a history, with functions that read it. */
export function kept(changed: Partial<MonitorOptions> = {}, history = place()) {
  const world = simulate({ history, ...changed })
  const warnings: WarningEvent[] = []
  world.monitor.on('warning', warning => warnings.push(warning))
  world.monitor.start()
  const report = (name = 'fibre', from = begin, to = Date.now()) =>
    readHistory(history, { from, to }).find(uplink => uplink.name === name)!
  return { ...world, history, warnings, report }
}

export function inSimulatedTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({
      now: begin,
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'hrtime'],
    })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}
