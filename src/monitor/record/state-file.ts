import { closeSync, constants, promises as files, fstatSync, openSync, readFileSync } from 'node:fs'
import { unref } from '../../runtime/timers.js'
import { isSavedBudget, type SavedBudget } from '../metered/probe-budget.js'
import { longestKept, type SavedState } from '../state/state-machine.js'
import { isSavedForce, type SavedForce } from './force.js'

const version = 1
/** In ms, after a write that failed. */
const pause = 60_000
/** Bytes. The file of thousands of uplinks is smaller. */
const maxSize = 1 << 24

/** Of this process. A reload may leave a file and take it again while it is still written. */
let opened = 0

export interface SavedUplink extends SavedState {
  /** Key of its path: another path is another line. Files of before have none. */
  path?: string
  /** Set for a metered uplink. */
  meter?: SavedBudget
}

/** Uplinks by name; `since` in ms since the epoch. */
export interface Saved {
  uplinks: Record<string, SavedUplink>
  /** Good for as long as they say, and not only for as long as a state is. */
  forces: Record<string, SavedForce>
}

/** States of the uplinks in a file that is always whole: written beside it, then renamed into place. */
export class StateFile {
  readonly #path: string
  readonly #temporary: string
  readonly #content: () => Saved
  readonly #failed: (error: unknown) => void
  #writing: Promise<void> | undefined
  #again = false
  #retry: NodeJS.Timeout | undefined
  #retries = false
  /** What the last write failed with, which has been reported. */
  #failure: string | undefined

  /**
   * `failed` is called for a file that can't be read, and once for each reason why it can't be written. The monitor continues without
   * it.
   */
  constructor(path: string, content: () => Saved, failed: (error: unknown) => void) {
    this.#path = path
    this.#temporary = `${path}.${process.pid}.${++opened}.tmp`
    this.#content = content
    this.#failed = failed
  }

  /** Whether the last write succeeded, or none has been tried. */
  get isWritten(): boolean {
    return this.#failure === undefined
  }

  /** The saved data and its time. Old states are left out. Empty if there is no such file. */
  read(now: number): Saved & { savedAt: number } {
    try {
      const { savedAt, uplinks, forces } = parse(readText(this.#path))
      const isRecent = now - savedAt <= longestKept && savedAt <= now
      return { savedAt, uplinks: isRecent ? uplinks : {}, forces }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#failed(error)
      return { savedAt: now, uplinks: {}, forces: {} }
    }
  }

  /** Resolves when the states of now, or later ones, are in the file. Never rejects. `retries`: tries again later if that fails. */
  save(retries = true): Promise<void> {
    clearTimeout(this.#retry)
    this.#retries = retries
    this.#again = true
    this.#writing ??= this.#write()
    return this.#writing
  }

  async #write(): Promise<void> {
    while (this.#again) {
      this.#again = false
      const temporary = this.#temporary
      try {
        const content = { version, savedAt: Date.now(), ...this.#content() }
        // A process of this number that was killed may have left one. Whatever else is in the way, nothing is written through it.
        await files.unlink(temporary).catch(unlessMissing)
        const file = await files.open(temporary, 'wx', 0o600)
        try {
          // A umask may have taken the owner's bits too. File systems without modes refuse this.
          await file.chmod(0o600).catch(() => {})
          await file.writeFile(`${JSON.stringify(content)}\n`)
          await file.sync()
        } finally {
          await file.close()
        }
        await files.rename(temporary, this.#path)
        this.#failure = undefined
      } catch (error) {
        await files.rm(temporary, { force: true }).catch(() => {})
        const { message } = error as Error
        if (message !== this.#failure) this.#failed(error)
        this.#failure = message
      }
    }
    this.#writing = undefined
    if (this.#failure !== undefined && this.#retries) this.#retry = unref(setTimeout(() => this.save(), pause))
  }
}

/** Reads only a regular file. A FIFO would block the monitor, and a device has no end. */
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

function parse(text: string): Saved & { savedAt: number } {
  const content = parseJson(text)
  if (content?.version !== version) throw new Error(`no state file of version ${version}`)
  // Files of before have no forces.
  const { savedAt, uplinks, forces = {} } = content
  if (typeof savedAt !== 'number') throw new Error('the state file is damaged')
  return { savedAt, uplinks: eachOf(uplinks, isSavedUplink), forces: eachOf(forces, isSavedForce) }
}

function eachOf<T>(saved: unknown, isRight: (value: unknown) => value is T): Record<string, T> {
  if (typeof saved !== 'object' || saved === null) throw new Error('the state file is damaged')
  for (const [name, value] of Object.entries(saved)) {
    if (!isRight(value)) throw new Error(`the state file is damaged at uplink ${JSON.stringify(name)}`)
  }
  return saved as Record<string, T>
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

function isSavedUplink(value: unknown): value is SavedUplink {
  const saved = value as SavedUplink | null
  return (
    ['unknown', 'up', 'degraded', 'down'].includes(saved?.state as string) &&
    Number.isFinite(saved?.since) &&
    typeof saved?.reason === 'string' &&
    Number.isFinite(saved?.penalty) &&
    typeof saved?.flapping === 'boolean' &&
    (saved.path === undefined || typeof saved.path === 'string') &&
    (saved.meter === undefined || isSavedBudget(saved.meter))
  )
}
