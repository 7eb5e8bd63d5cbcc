import { invalidArgument } from '../errors.js'
import type { Check } from '../options.js'
import { Secret } from '../runtime/secret.js'
import { Guesses } from './guesses.js'

/** The users of the proxy. It keeps only digests of the passwords. */
export class Users {
  readonly #passwords: ReadonlyMap<string, Secret>
  readonly #nobody = new Secret('')
  readonly #guesses = new Guesses()

  constructor(passwords: Readonly<Record<string, string>>) {
    this.#passwords = new Map(Object.entries(passwords).map(([name, password]) => [name, new Secret(password)]))
  }

  /** Takes the same time for any wrong password and for an unknown user. `client`: see `clientOf`. */
  accepts(client: string, name: string, password: string): boolean {
    // Nobody has such a name, and it would take memory.
    if (Buffer.byteLength(name) > longest) return false
    return this.#guesses.check(client, name, password, () => {
      const known = this.#passwords.get(name)
      return (known ?? this.#nobody).is(password) && known !== undefined
    })
  }

  /** The `Proxy-Authorization` field of HTTP: `Basic`, RFC 7617. */
  acceptsBasic(client: string, field: string | undefined): boolean {
    const [, credentials] = /^basic +(\S+)$/i.exec(field ?? '') ?? []
    if (credentials === undefined) return false
    const [, name, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? []
    return name !== undefined && this.accepts(client, name, password!)
  }
}

/** Bytes of a name and of a password for which RFC 1929 has room. */
const longest = 255

/** RFC 7617 allows no colon in a name. Errors don't repeat what is secret. */
export const users: Check = (value, name) => {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
  const fits = (text: unknown) =>
    typeof text === 'string' && Buffer.byteLength(text) >= 1 && Buffer.byteLength(text) <= longest
  if (entries.length === 0 || !entries.every(([user, password]) => fits(user) && !user.includes(':') && fits(password)))
    throw invalidArgument(
      name,
      typeof value,
      'an object of at least one name (no colon) and password, 1-255 bytes each',
    )
  return new Users(Object.fromEntries(entries))
}
