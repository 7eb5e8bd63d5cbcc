import { closeSync, constants, promises as files, fstatSync, openSync, readFileSync } from 'node:fs'
import type { SavedState } from '../state/state-machine.js'

/** A state older than this says nothing about now, in ms. */
const maxAge = 300_000
const version = 1
/** Of thousands of uplinks there is less, in bytes. */
const maxSize = 1 << 24

/** By uplink name; `since` in ms since the epoch. */
export type SavedStates = Record<string, SavedState>

/** States of the uplinks in a file that is always whole: written beside it, then renamed into place. */
export class StateFile {
  readonly #path: string
  readonly #states: () => SavedStates
  readonly #failed: (error: unknown) => void
  #writing: Promise<void> | undefined
  #again = false

  /** `failed` is told of a file that can't be read or written: the monitor goes on without. */
  constructor(path: string, states: () => SavedStates, failed: (error: unknown) => void) {
    this.#path = path
    this.#states = states
    this.#failed = failed
  }

  /** What was saved lately; nothing when there is no such file. */
  read(now: number): SavedStates {
    try {
      const { savedAt, uplinks } = parse(readText(this.#path))
      return now - savedAt <= maxAge && savedAt <= now ? uplinks : {}
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#failed(error)
      return {}
    }
  }

  /** Resolves when the states of now, or later ones, are in the file. Never rejects. */
  save(): Promise<void> {
    this.#again = true
    this.#writing ??= this.#write()
    return this.#writing
  }

  async #write(): Promise<void> {
    while (this.#again) {
      this.#again = false
      const temporary = `${this.#path}.${process.pid}.tmp`
      try {
        const content = { version, savedAt: Date.now(), uplinks: this.#states() }
        // A process of this number that was killed may have left one. Whatever else is in the way, nothing is written through it.
        await files.unlink(temporary).catch(unlessMissing)
        await files.writeFile(temporary, `${JSON.stringify(content)}\n`, { flag: 'wx', mode: 0o600, flush: true })
        await files.rename(temporary, this.#path)
      } catch (error) {
        await files.rm(temporary, { force: true }).catch(() => {})
        this.#failed(error)
      }
    }
    this.#writing = undefined
  }
}

/** What lies there may be anything: a FIFO would keep the monitor waiting, and a device has no end. */
function readText(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new Error(`${path} is not a file`)
    if (stat.size > maxSize) throw new Error(`${path} is larger than ${maxSize} bytes: no state file`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function parse(text: string): { savedAt: number; uplinks: SavedStates } {
  const content = parseJson(text)
  if (content?.version !== version) throw new Error(`no state file of version ${version}`)
  if (typeof content.savedAt !== 'number' || typeof content.uplinks !== 'object' || content.uplinks === null)
    throw new Error('the state file is damaged')
  for (const [name, saved] of Object.entries(content.uplinks)) {
    if (!isSavedState(saved)) throw new Error(`the state file is damaged at uplink ${JSON.stringify(name)}`)
  }
  return content
}

/** The message of JSON.parse has some of the text, which may be another file's that a link leads to. */
function parseJson(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('the state file is damaged: no JSON')
  }
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

function isSavedState(value: unknown): value is SavedState {
  const saved = value as SavedState | null
  return (
    ['unknown', 'up', 'degraded', 'down'].includes(saved?.state as string) &&
    Number.isFinite(saved?.since) &&
    typeof saved?.reason === 'string' &&
    Number.isFinite(saved?.penalty) &&
    typeof saved?.flapping === 'boolean'
  )
}
