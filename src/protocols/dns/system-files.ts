import { lstatSync, readFileSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { systemError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { parseHosts } from './hosts.js'
import { parseResolvConf } from './resolv-conf.js'

const { EISDIR, EMFILE, ENFILE, ENOENT, ENOMEM, ENOTDIR } = constants.errno
/** Until these are over, nobody knows what the file says. Without it, a question would go elsewhere. */
const passing = new Set([-EMFILE, -ENFILE, -ENOMEM])

/** Milliseconds that the clock of a file system stands still at most: a tick of the kernel, 10 ms, with room. */
const clockTick = 100

/**
 * A parsed file, read again when it has changed (inode, time or size), and each time while it is so new that a further change
 * may leave the same time. A file that is missing, unreadable or no file at all counts as empty.
 */
export class ParsedFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  readonly #owner: number | undefined
  #version: string | number | undefined
  #value: T | undefined
  /** Why an existing file can't be read, a negative errno; 0 otherwise. */
  errno = 0

  /** With an `owner` (user id), the file counts as missing if another user owns its folder or may write to it. */
  constructor(path: string, parse: (text: string) => T, owner?: number) {
    this.#path = path
    this.#parse = parse
    this.#owner = owner
  }

  read(): T {
    const version = this.#currentVersion()
    if (version !== this.#version) {
      this.errno = typeof version === 'number' ? version : 0
      this.#value = this.#parse(typeof version === 'number' || version === '' ? '' : this.#text())
      this.#version = version
    }
    return this.#value!
  }

  /** Empty if there is no file; a negative errno if nobody can look. */
  #currentVersion(): string | number {
    try {
      if (this.#owner !== undefined && !isOnlyOf(this.#owner, dirname(this.#path))) return ''
      const status = statSync(this.#path)
      // As a container has it, to which its host gave a missing file.
      if (status.isDirectory()) return -EISDIR
      // A FIFO would hold the event loop until somebody writes to it.
      if (!status.isFile()) return ''
      const { dev, ino, ctimeMs, size } = status
      const unsettled = Date.now() - ctimeMs < clockTick ? monotonicNow() : ''
      return `${dev}:${ino}:${ctimeMs}:${size}:${unsettled}`
    } catch (error) {
      const errno = errnoOf(error)
      return [-ENOENT, -ENOTDIR].includes(errno) ? '' : errno
    }
  }

  #text(): string {
    try {
      return readFileSync(this.#path, 'utf8')
    } catch (error) {
      const errno = errnoOf(error)
      if (passing.has(errno)) throw systemError(errno, `open(${this.#path})`)
      this.errno = errno === -ENOENT ? 0 : errno
      return ''
    }
  }
}

function errnoOf(error: unknown): number {
  return (error as NodeJS.ErrnoException).errno!
}

/** For this many milliseconds, questions reuse the file contents of the previous one, so a burst reads them once. */
const freshness = 100
const recentlyRead = new Map<string, unknown>()
let readSince = 0

/** Returns the result of `read` for this key from the last tenth of a second, or calls it. */
export function recently<T>(key: string, read: () => T): T {
  const now = monotonicNow()
  if (now - readSince > freshness) {
    recentlyRead.clear()
    readSince = now
  }
  if (!recentlyRead.has(key)) recentlyRead.set(key, read())
  return recentlyRead.get(key) as T
}

/** Whether only the owner may write the folder. Never true for a symbolic link: its mode has all bits (symlink(7)). */
function isOnlyOf(owner: number, folder: string): boolean {
  const { uid, mode } = lstatSync(folder)
  return uid === owner && (mode & 0o022) === 0
}

/** Path of resolv.conf(5) for this machine, or for the network namespace if `ip netns exec` has mounted one. */
export const resolvConf = new ParsedFile('/etc/resolv.conf', parseResolvConf)

/** Path of hosts(5). */
export const hostsFile = new ParsedFile('/etc/hosts', parseHosts)
