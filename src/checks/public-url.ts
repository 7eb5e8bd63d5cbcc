/** A part of a path that looks like a key rather than a word: long, with digits in it. */
const key = /(?=[^/]*\d)[^/]{20,}/g

/** A URL for people, logs and metrics: without the secrets it may carry in its credentials, its query or its path. */
export function publicUrl(url: string): string {
  if (!URL.canParse(url)) return '(no url)'
  const { origin, pathname } = new URL(url)
  return origin + pathname.replace(key, '…')
}
