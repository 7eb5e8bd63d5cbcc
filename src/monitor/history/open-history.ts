import { statSync } from 'node:fs'
import type { SqliteDatabase } from '../../builtins.js'
import { claim, lockOf, openToWrite } from './database.js'

/** The file of a history while this monitor, and no other one, writes to it. */
export class OpenHistory {
  readonly path: string
  #claim: SqliteDatabase | undefined
  #database: SqliteDatabase | undefined
  /** Identifies the open file, even if its name now belongs to another one. */
  #file: string | undefined
  /** Identifies the locked file in the same way. */
  #locked: string | undefined

  constructor(path: string) {
    this.path = path
  }

  /**
   * Opens it unless it is open. Closes a file that was moved or replaced, because nobody would find new data in it, and one whose lock
   * was removed, because another monitor may have locked it since. `isAnother`: this is not the file of the last call.
   */
  open(): { database: SqliteDatabase; isAnother: boolean } {
    const before = this.#file
    const lock = lockOf(this.path)
    if (this.#database && (fileAt(this.path) !== before || fileAt(lock) !== this.#locked)) this.close()
    this.#claim ??= claim(this.path)
    this.#locked = fileAt(lock)
    this.#database ??= openToWrite(this.path)
    this.#file = fileAt(this.path)
    return { database: this.#database, isAnother: this.#file !== before }
  }

  /** Rolls back what was begun. */
  close(): void {
    for (const database of [this.#database, this.#claim]) {
      try {
        database?.close()
      } catch {}
    }
    this.#database = this.#claim = undefined
  }
}

/** Undefined without one. While it is open no other file can have its number. */
function fileAt(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}
