import { readFileSync, statSync } from 'node:fs'
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

  /** With an `owner` (user id), a file of anybody else's counts as missing. */
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
      const { dev, ino, mtimeMs, size, uid } = statSync(this.#path)
      return this.#owner === undefined || this.#owner === uid ? `${dev}:${ino}:${mtimeMs}:${size}` : ''
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

/** resolv.conf(5) of this machine, or of the network namespace where `ip netns exec` has put its own there. */
export const resolvConf = new ParsedFile('/etc/resolv.conf', parseResolvConf)

/** hosts(5). */
export const hostsFile = new ParsedFile('/etc/hosts', parseHosts)

const root = 0

/** Where a resolver on this machine keeps the servers behind it: systemd-resolved, NetworkManager, OpenWrt's netifd. */
export const upstreamFiles = [
  '/run/systemd/resolve/resolv.conf',
  '/run/NetworkManager/no-stub-resolv.conf',
  '/tmp/resolv.conf.d/resolv.conf.auto',
].map(path => new ParsedFile(path, parseResolvConf, root))
