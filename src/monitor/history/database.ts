import { statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { nodeSqlite, type SqliteDatabase } from '../../builtins.js'
import { NetviaError } from '../../errors.js'

/** In the header of the file: 'nvia'. */
const applicationId = 0x6e766961
const version = 1

/**
 * Times are in ms since the epoch; jitter is in microseconds. The device of a state is empty if it had none, and null from a netvia
 * that didn't note it.
 */
const tables = `
CREATE TABLE run (id INTEGER PRIMARY KEY, begun INTEGER NOT NULL, ended INTEGER NOT NULL);
CREATE TABLE uplink (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, device TEXT);
CREATE TABLE target (id INTEGER PRIMARY KEY, uplink INTEGER NOT NULL, type TEXT NOT NULL, target TEXT NOT NULL,
  UNIQUE (uplink, type, target));
CREATE TABLE state (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, uplink INTEGER NOT NULL, at INTEGER NOT NULL,
  state TEXT NOT NULL, forced INTEGER NOT NULL, reason TEXT NOT NULL, device TEXT);
CREATE INDEX state_of_run ON state (run, uplink, at);
CREATE TABLE minute (at INTEGER NOT NULL, target INTEGER NOT NULL, run INTEGER NOT NULL, good INTEGER NOT NULL,
  bad INTEGER NOT NULL, latencies BLOB, jitter INTEGER, PRIMARY KEY (at, target)) WITHOUT ROWID;
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${version};
`

/** What to do, by SQLite's error code. */
const hints = new Map([
  [8, 'it must lie on a disk that can be written, and belong to the user of the monitor'],
  [10, 'the disk may be full or damaged'],
  [11, 'move the damaged file away, and the monitor begins another'],
  [13, 'once the disk has space again, the monitor writes what is missing'],
  [14, 'the folder must exist, and the user must be allowed to write in it'],
  [26, 'move the damaged file away, and the monitor begins another'],
])

/** @throws NetviaError `ERR_UNSUPPORTED_RUNTIME` where Node has no node:sqlite. */
export function requireSqlite(): void {
  try {
    nodeSqlite()
  } catch (cause) {
    const hint = 'use Node 22.13 or later'
    const message = `history needs node:sqlite, which Node ${process.versions.node} does not have; ${hint}`
    throw new NetviaError(message, { code: 'ERR_UNSUPPORTED_RUNTIME', hint, cause })
  }
}

/** Opens a history for writing, and creates it if it is missing. Refuses another program's database. Doesn't wait for locks. */
export function openToWrite(path: string): SqliteDatabase {
  return opened(path, false, database => {
    // A commit is one append to the log beside the file. SQLite syncs the disk at a checkpoint, every 4 MB.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    const isEmpty = numberOf(database, 'SELECT count(*) AS value FROM sqlite_master') === 0
    if (isEmpty) database.exec(`BEGIN; ${tables} COMMIT`)
    else checkVersion(database)
    // The first histories lack these columns. A netvia that doesn't know them ignores them.
    if (!hasColumn(database, 'minute', 'jitter')) database.exec('ALTER TABLE minute ADD COLUMN jitter INTEGER')
    if (!hasColumn(database, 'state', 'device')) database.exec('ALTER TABLE state ADD COLUMN device TEXT')
  })
}

export function hasColumn(database: SqliteDatabase, table: string, column: string): boolean {
  return numberOf(database, `SELECT count(*) AS value FROM pragma_table_info('${table}') WHERE name = '${column}'`) > 0
}

/** The file beside a history whose lock says who writes to it. */
export function lockOf(path: string): string {
  return `${path}-lock`
}

/**
 * Claims a history for one monitor, by a lock on a file beside it. The lock ends when the returned database is closed, or with the
 * process, however that ends.
 *
 * @throws NetviaError `ERR_HISTORY_IN_USE` if another monitor has it.
 */
export function claim(path: string): SqliteDatabase {
  try {
    return opened(lockOf(path), false, lock => lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'))
  } catch (error) {
    if (!isLocked(error)) throw historyError(path, (error as NetviaError).cause)
    const hint = 'give each monitor a file of its own'
    const message = `${path}: another monitor writes to this history; ${hint}`
    throw new NetviaError(message, { code: 'ERR_HISTORY_IN_USE', address: path, hint })
  }
}

/**
 * Opens a history to read from, while a monitor may be writing to it. It waits `patience` ms for a lock, and the event loop with it.
 *
 * @throws NetviaError `ERR_HISTORY`.
 */
export function openToRead(path: string, patience: number): SqliteDatabase {
  const prepare = (database: SqliteDatabase) => {
    database.exec(`PRAGMA busy_timeout = ${patience}`)
    checkVersion(database)
  }
  try {
    return opened(path, true, prepare)
  } catch (error) {
    // SQLite writes beside a file with a log, even to read it. Without a log the file is complete, and nobody writes to it.
    const { code, hint } = error as NetviaError
    if (code !== 'ERR_HISTORY' || hint !== hints.get(14)) throw error
    const log = `${path}-wal`
    if (statSync(log, { throwIfNoEntry: false })?.size)
      throw historyError(
        path,
        new Error(`its newest entries are in ${log}, which can't be read there; copy both files to another folder`),
      )
    return opened(path, true, prepare, `${pathToFileURL(path)}?immutable=1`)
  }
}

/** Whether another program has locked the file: `SQLITE_BUSY` in one of its forms. */
export function isLocked(error: unknown): boolean {
  const { errcode, cause } = error as { errcode?: number; cause?: unknown }
  return errcode === undefined ? cause !== undefined && isLocked(cause) : (errcode & 0xff) === 5
}

function opened(
  path: string,
  readOnly: boolean,
  prepare: (database: SqliteDatabase) => void,
  location = path,
): SqliteDatabase {
  requireSqlite()
  let database: SqliteDatabase | undefined
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (readOnly && !found) throw new Error('there is no such file')
    // To open a FIFO would block this process.
    if (found?.isFile() === false) throw new Error('this is not a file')
    database = new (nodeSqlite().DatabaseSync)(location, { readOnly })
    prepare(database)
    return database
  } catch (cause) {
    database?.close()
    throw historyError(path, cause)
  }
}

/** For a file that can't be read or written, with what to do. */
export function historyError(path: string, cause: unknown): NetviaError {
  if (cause instanceof NetviaError) return cause
  const { message, errcode = 0 } = cause as Error & { errcode?: number }
  const hint = hints.get(errcode & 0xff)
  const text = `${path}: ${message}${hint ? `; ${hint}` : ''}`
  return new NetviaError(text, { code: 'ERR_HISTORY', address: path, hint, cause })
}

function checkVersion(database: SqliteDatabase): void {
  const isOurs = numberOf(database, 'SELECT application_id AS value FROM pragma_application_id') === applicationId
  if (!isOurs) throw new Error('this is not a history of netvia')
  const found = numberOf(database, 'SELECT user_version AS value FROM pragma_user_version')
  if (found !== version) throw new Error(`a history of version ${found}; this netvia knows version ${version}`)
}

function numberOf(database: SqliteDatabase, query: string): number {
  return database.prepare(query).get()!.value as number
}

export interface TargetRow {
  readonly id: number
  readonly uplink: number
  readonly type: string
  readonly target: string
}

/** The checked targets of one uplink, or of all. */
export function readTargets(database: SqliteDatabase, uplink: number | null = null): TargetRow[] {
  const rows = database.prepare(
    `SELECT id, uplink, CAST(type AS TEXT) AS type, CAST(target AS TEXT) AS target
     FROM target WHERE ?1 IS NULL OR uplink = ?1 ORDER BY id`,
  )
  return rows.all(uplink) as unknown as TargetRow[]
}
