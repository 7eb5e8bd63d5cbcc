import { createRequire } from 'node:module'
import type * as Undici from 'undici'
import { NetviaError } from '../../errors.js'

/** Bun has an undici of its own in the place of the package. It ignores dispatchers, so requests would leave the path. */
const isReplaced = process.versions.bun !== undefined

/** undici, loaded when it is first needed, because it is an optional peer and most of netvia doesn't use it. */
export function undici(): typeof Undici {
  try {
    return createRequire(import.meta.url)(isReplaced ? 'undici/index.js' : 'undici')
  } catch (cause) {
    throw new NetviaError('netvia/undici needs the package undici, version 6 or newer', {
      code: 'ERR_UNDICI_NOT_FOUND',
      hint: 'install it with "npm install undici"',
      cause,
    })
  }
}

/** For a dispatcher that the program passes to undici's functions, which must not ignore it. */
export function requireDispatchers(caller: string): void {
  if (!isReplaced) return
  const hint = 'use fetch of netvia/undici, or of the group'
  throw new NetviaError(`${caller}: Bun's own undici ignores dispatchers; ${hint}`, {
    code: 'ERR_UNSUPPORTED_RUNTIME',
    hint,
  })
}
