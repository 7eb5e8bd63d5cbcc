import { joinHostPort } from '../errors.js'
import type { UplinkCheck } from './options.js'

/** A part of a path that looks like a key rather than a word: long, with digits in it. */
const key = /(?=[^/]*\d)[^/]{20,}/g

/** What a check looks at, for people: without the secrets a URL may carry. */
export function targetOf(check: UplinkCheck): string {
  switch (check.type) {
    case 'ping':
      return check.host
    case 'tcp':
      return joinHostPort(check.host, check.port)
    case 'dns':
      return check.name
    case 'http': {
      const { origin, pathname } = new URL(check.url)
      return origin + pathname.replace(key, '…')
    }
  }
}
