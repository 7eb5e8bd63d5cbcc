import { lstatSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { monotonicNow } from '../../monotonic.js'
import { parseHosts } from './hosts.js'
import { parseResolvConf } from './resolv-conf.js'

/**
 * A parsed file, read again when it has changed (another inode, time or size). One that is missing, or that may not be read,
 * reads as empty, as it does for the C library.
 */
export class ParsedFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  readonly #owner: number | undefined
  #version: string | undefined
  #value: T | undefined

  /** With an `owner` (user id), the file counts as missing if anybody else made its folder or may write to it. */
  constructor(path: string, parse: (text: string) => T, owner?: number) {
    this.#path = path
    this.#parse = parse
    this.#owner = owner
  }

  read(): T {
    const version = this.#currentVersion()
    if (version !== this.#version) {
      this.#value = this.#parse(version === '' ? '' : this.#text())
      this.#version = version
    }
    return this.#value!
  }

  #currentVersion(): string {
    try {
      if (this.#owner !== undefined && !isOnlyOf(this.#owner, dirname(this.#path))) return ''
      const { dev, ino, mtimeMs, size } = statSync(this.#path)
      return `${dev}:${ino}:${mtimeMs}:${size}`
    } catch {
      return ''
    }
  }

  #text(): string {
    try {
      return readFileSync(this.#path, 'utf8')
    } catch {
      return ''
    }
  }
}

/** For this many milliseconds, questions use what the previous one has read. A burst reads the system's files once. */
const freshness = 100
const recentlyRead = new Map<string, unknown>()
let readSince = 0

/** What `read` returned for this key within the last tenth of a second, or what it returns now. */
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

/** resolv.conf(5) of this machine, or of the network namespace where `ip netns exec` has put its own there. */
export const resolvConf = new ParsedFile('/etc/resolv.conf', parseResolvConf)

/** hosts(5). */
export const hostsFile = new ParsedFile('/etc/hosts', parseHosts)
