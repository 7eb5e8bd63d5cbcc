import { readFileSync, statSync } from 'node:fs'
import { parseHosts } from './hosts.js'
import { parseResolvConf } from './resolv-conf.js'

/** A parsed file, read again when it has changed (another inode, time or size). A missing one reads as empty. */
export class ParsedFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  #version: string | undefined
  #value: T | undefined

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path
    this.#parse = parse
  }

  read(): T {
    const version = this.#currentVersion()
    if (version !== this.#version) {
      this.#value = this.#parse(version === '' ? '' : readFileSync(this.#path, 'utf8'))
      this.#version = version
    }
    return this.#value!
  }

  #currentVersion(): string {
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    return stat ? `${stat.dev}:${stat.ino}:${stat.mtimeMs}:${stat.size}` : ''
  }
}

/** resolv.conf(5) of this machine, or of the network namespace where `ip netns exec` has put its own there. */
export const resolvConf = new ParsedFile('/etc/resolv.conf', parseResolvConf)

/** hosts(5). */
export const hostsFile = new ParsedFile('/etc/hosts', parseHosts)
