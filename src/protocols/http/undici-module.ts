import { createRequire } from 'node:module'
import type * as Undici from 'undici'
import { NetviaError } from '../../errors.js'

/** undici, loaded when it is first needed, because it is an optional peer and most of netvia doesn't use it. */
export function undici(): typeof Undici {
  try {
    return createRequire(import.meta.url)('undici')
  } catch (cause) {
    throw new NetviaError('netvia/undici needs the package undici, version 6 or newer', {
      code: 'ERR_UNDICI_NOT_FOUND',
      hint: 'install it with "npm install undici"',
      cause,
    })
  }
}
