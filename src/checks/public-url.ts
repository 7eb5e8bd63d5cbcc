import { parseHttpUrl } from './http/url.js'

const longParts = /[^/]{20,}/g

/** A URL for people, logs and metrics, without the secrets that its credentials, query or path may contain. */
export function publicUrl(url: string): string {
  const parsed = parseHttpUrl(url)
  if (!parsed) return '(no url)'
  const { origin, pathname } = parsed.url
  const zoned = parsed.zone === undefined ? origin : origin.replace(']', `%25${encodeURIComponent(parsed.zone)}]`)
  // A long part with digits looks like a key rather than a word.
  return zoned + pathname.replace(longParts, part => (/\d/.test(part) ? '…' : part))
}
