import type { SqliteDatabase } from '../../builtins.js'
import type { NetviaError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { unref } from '../../runtime/timers.js'
import { type ClockReading, elapsed, readClocks, wallTime } from '../record/clock-reading.js'
import type { CheckEvent, StateEvent, UplinkSnapshot } from '../record/event-types.js'
import type { UplinkState } from '../state/state-machine.js'
import { historyError, isLocked } from './database.js'
import { LatencyCounts } from './latency-counts.js'
import { OpenHistory } from './open-history.js'
import { prune } from './prune.js'

/** Between two writes, in ms: flash lasts, and this is what a power cut may take. */
export const batchInterval = 60_000
/** After a change of state the next write comes so soon, in ms: people cut the power of a router that has no line. */
const changeWaits = 5000
/** Failed attempts to lock the file before that is reported: about a minute. */
const lockedAttempts = 12
/** Without a turn for so long, in ms, the machine was suspended or the process stopped. A write comes more often. */
const longestSilence = 90_000
/** Changes of state that wait for a disk that takes nothing; then the oldest give way. */
const maxWaiting = 10_000
/** Rows that are removed, or corrected after the clock was set, in one write: a tenth of a second on a slow machine. */
const maxTouched = 5000
/** In ms: later than any minute. */
const farAway = 2 ** 50

interface Target {
  uplink: string
  type: string
  target: string
}

/** One target since the last write. */
interface Minute extends Target {
  good: number
  bad: number
  latencies: LatencyCounts
  /** Sum of the differences between successive answers, in ms, and their number. */
  jitter: number
  differences: number
}

interface Change {
  uplink: string
  state: UplinkState
  forced: boolean
  reason: string
  device: string | null
  at: ClockReading
}

/**
 * The history of the uplinks in an SQLite file: every change of state, and loss and latency of every minute. Written once a minute
 * in one transaction, sooner after a change of state; a process that is killed loses what came after the last write.
 */
export class HistoryFile {
  readonly #file: OpenHistory
  readonly #failed: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires, on the monotonic clock. */
  #due = Number.POSITIVE_INFINITY
  #run: number | undefined
  /** Minutes that this run has written, and until when by the clock of that time. */
  #minutesWritten = 0
  #writtenUntil = 0
  #begun: ClockReading = readClocks()
  #devices = new Map<string, string | null>()
  /** The same of uplinks that were removed since the last write. */
  readonly #removed = new Map<string, string | null>()
  #changes: Change[] = []
  /** The last change of each uplink that is in the file. */
  readonly #written = new Map<string, Change>()
  #minutes = new Map<string, Minute>()
  /** Entries by target, in ms. */
  readonly #lastAnswers = new Map<string, number>()
  #minuteBegun: ClockReading = readClocks()
  /** When this process last had a turn. */
  #seen: ClockReading = readClocks()
  #locked = 0
  /** What the last write failed with, which has been reported. */
  #failure: string | undefined

  /** `failed` is called once for each reason why the file can't be written. The monitor continues, and writes the missing data later. */
  constructor(path: string, failed: (error: unknown) => void) {
    this.#file = new OpenHistory(path)
    this.#failed = failed
  }

  begin(uplinks: readonly UplinkSnapshot[]): void {
    this.#begun = this.#minuteBegun = this.#seen = readClocks()
    this.#run = undefined
    this.#written.clear()
    this.#devices.clear()
    this.follow(uplinks)
    this.#write()
  }

  /** Takes the uplinks that are watched from now on. */
  follow(uplinks: readonly UplinkSnapshot[]): void {
    const devices = new Map(uplinks.map(({ name, device }) => [name, device]))
    const isMoved = ({ name, device }: UplinkSnapshot) => this.#devices.has(name) && this.#devices.get(name) !== device
    // What was measured until now belongs to the old device.
    if (uplinks.some(isMoved)) this.#write()
    for (const [uplink, device] of this.#devices) {
      if (devices.has(uplink)) continue
      this.#change({ uplink, state: 'unknown', forced: false, reason: 'no longer watched', device })
      this.#removed.set(uplink, device)
    }
    this.#lastAnswers.clear()
    for (const { name: uplink, device, state, forced: by, reason } of uplinks) {
      const [last, forced] = [this.#lastChange(uplink), by !== null]
      const isSame = this.#devices.get(uplink) === device && last?.state === state && last.forced === forced
      if (!isSame) this.#change({ uplink, state, forced, reason, device })
    }
    this.#devices = devices
  }

  state({ uplink, to, forced, reason }: StateEvent): void {
    this.#look()
    this.#change({ uplink, state: to, forced: forced !== undefined, reason, device: this.#devices.get(uplink) ?? null })
    this.#writeIn(changeWaits)
  }

  check({ uplink, type, target, ok, local, latencyMs }: CheckEvent): void {
    // A local failure says nothing about the line.
    if (local) return
    this.#look()
    const key = `${uplink}\n${type}\n${target}`
    const begun = { good: 0, bad: 0, latencies: new LatencyCounts(), jitter: 0, differences: 0 }
    const minute = this.#minutes.get(key) ?? { uplink, type, target, ...begun }
    this.#minutes.set(key, minute)
    if (ok) minute.good++
    else minute.bad++
    if (!ok || latencyMs === null) return
    minute.latencies.add(latencyMs)
    const last = this.#lastAnswers.get(key)
    this.#lastAnswers.set(key, latencyMs)
    if (last === undefined) return
    minute.jitter += Math.abs(latencyMs - last)
    minute.differences++
  }

  end(): void {
    // What can't be written now is lost.
    this.#locked = lockedAttempts
    this.#write(1000)
    clearTimeout(this.#timer)
    this.#file.close()
  }

  #change(change: Omit<Change, 'at'>): void {
    this.#changes.push({ ...change, at: readClocks() })
    if (this.#changes.length > maxWaiting) this.#changes.shift()
  }

  #lastChange(name: string): Change | undefined {
    return this.#changes.findLast(({ uplink }) => uplink === name) ?? this.#written.get(name)
  }

  /** What happened in a long silence is unknown: this run ended before it, and another begins. */
  #look(): void {
    const [last, now] = [this.#seen, readClocks()]
    this.#seen = now
    if (elapsed(last, now) < longestSilence) return
    this.#write(0, last)
    this.#run = undefined
    this.#begun = this.#minuteBegun = now
  }

  /** Unless a write comes sooner anyway. */
  #writeIn(ms: number): void {
    const due = monotonicNow() + ms
    if (due >= this.#due) return
    this.#due = due
    clearTimeout(this.#timer)
    const work = () => {
      this.#look()
      this.#write()
    }
    this.#timer = unref(setTimeout(work, ms))
  }

  /** Keeps data that can't be written, and continues the minute. Waits `patience` ms for a lock, which blocks the event loop. */
  #write(patience = 0, now = readClocks()): void {
    this.#due = Number.POSITIVE_INFINITY
    this.#writeIn(batchInterval)
    try {
      const { database, isAnother } = this.#file.open()
      // The runs of another file have numbers of their own.
      if (isAnother) this.#run = undefined
      database.exec(`PRAGMA busy_timeout = ${patience}; BEGIN IMMEDIATE`)
      const begun = this.#correctedBegin(database, now)
      const run = this.#runRow(database, begun, now)
      this.#insert(database, run, now)
      prune(database, now.wall, elapsed(this.#minuteBegun, now), Math.max(maxTouched, 2 * this.#minutes.size))
      database.exec('COMMIT')
      this.#run = run
      this.#begun = begun
    } catch (error) {
      // The next write opens the file again. It may have been moved or damaged.
      this.#file.close()
      if ((error as NetviaError).code === 'ERR_HISTORY_IN_USE') this.#leave(now)
      this.#report(error)
      return
    }
    this.#failure = undefined
    this.#locked = 0
    this.#writtenUntil = now.wall
    this.#minutesWritten += this.#minutes.size
    for (const change of this.#changes) this.#written.set(change.uplink, change)
    this.#changes = []
    this.#removed.clear()
    this.#minutes.clear()
    this.#minuteBegun = now
  }

  #report(error: unknown): void {
    if (isLocked(error) && ++this.#locked < lockedAttempts) return void this.#writeIn(changeWaits)
    const failure = historyError(this.#file.path, error)
    if (failure.message !== this.#failure) this.#failed(failure)
    this.#failure = failure.message
  }

  /** Another monitor writes what happened until now. Once it ends, a run begins with the states of then. */
  #leave(now: ClockReading): void {
    this.#writeIn(changeWaits)
    for (const change of this.#changes) this.#written.set(change.uplink, change)
    this.#changes = []
    this.#removed.clear()
    this.#minutes.clear()
    this.#run = undefined
    this.#begun = this.#minuteBegun = now
  }

  #insert(database: SqliteDatabase, run: number, now: ClockReading): void {
    const add = database.prepare(
      'INSERT INTO uplink (name, device) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET device = excluded.device',
    )
    for (const [name, device] of [...this.#removed, ...this.#devices]) add.run(name, device)
    const change = database.prepare(
      `INSERT INTO state (run, uplink, at, state, forced, reason, device)
       SELECT ?, id, ?, ?, ?, ?, ? FROM uplink WHERE name = ?`,
    )
    for (const { uplink, state, forced, reason, device, at } of this.#changes)
      change.run(run, wallTime(at, now), state, forced ? 1 : 0, reason, device ?? '', uplink)
    const target = database.prepare(
      'INSERT OR IGNORE INTO target (uplink, type, target) SELECT id, ?, ? FROM uplink WHERE name = ?',
    )
    const minute = database.prepare(
      `INSERT OR REPLACE INTO minute (at, target, run, good, bad, latencies, jitter)
       SELECT ?, target.id, ?, ?, ?, ?, ? FROM target JOIN uplink ON uplink.id = target.uplink
       WHERE uplink.name = ? AND type = ? AND target.target = ?`,
    )
    const at = wallTime(this.#minuteBegun, now)
    for (const { uplink, type, target: name, good, bad, latencies, jitter, differences } of this.#minutes.values()) {
      target.run(type, name, uplink)
      const mean = differences === 0 ? null : Math.round((jitter / differences) * 1000)
      minute.run(at, run, good, bad, latencies.toBytes(), mean, uplink, type, name)
    }
  }

  /** When this run began, by the clock of now. If that was set, what the run has written was by a wrong one. */
  #correctedBegin(database: SqliteDatabase, now: ClockReading): ClockReading {
    const wall = wallTime(this.#begun, now)
    const late = wall - this.#begun.wall
    if (this.#run === undefined || late === 0) return { ...this.#begun, wall }
    if (this.#minutesWritten > maxTouched) {
      // Too much to correct while the checks wait. It stays as it is, and another run begins.
      this.#run = undefined
      this.#begun = this.#minuteBegun
      return { ...this.#begun, wall: wallTime(this.#begun, now) }
    }
    database.prepare('UPDATE state SET at = at + ? WHERE run = ?').run(late, this.#run)
    // All at once would let a minute take the place of one that has yet to move.
    const away = 'UPDATE minute SET at = at + ? WHERE run = ? AND at BETWEEN ? AND ?'
    database.prepare(away).run(farAway + late, this.#run, this.#begun.wall, this.#writtenUntil)
    database.prepare('UPDATE OR REPLACE minute SET at = at - ?1 WHERE run = ?2 AND at > ?1').run(farAway, this.#run)
    return { ...this.#begun, wall }
  }

  /** The row of this run says until when the monitor is known to have run. */
  #runRow(database: SqliteDatabase, begun: ClockReading, now: ClockReading): number {
    const update = database.prepare('UPDATE run SET begun = ?, ended = ? WHERE id = ?')
    if (this.#run !== undefined && Number(update.run(begun.wall, now.wall, this.#run).changes) > 0) return this.#run
    const insert = database.prepare('INSERT INTO run (begun, ended) VALUES (?, ?)')
    const run = Number(insert.run(begun.wall, now.wall).lastInsertRowid)
    this.#minutesWritten = 0
    this.#changes.unshift(...this.#statesAt(begun))
    return run
  }

  /** The states to write at the start of another run, because the previous run has already ended. */
  #statesAt(begun: ClockReading): Change[] {
    const watched = [...this.#written.values()].filter(({ uplink }) => this.#devices.has(uplink))
    this.#written.clear()
    return watched.map(change => (change.at.monotonic < begun.monotonic ? { ...change, at: begun } : change))
  }
}
