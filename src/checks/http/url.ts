/** A URL, and the zone of the IPv6 address that is its host (RFC 6874): `http://[fe80::1%25wan2]/`. */
export interface HttpUrl {
  /** Without the zone, which means nothing to the other end and isn't sent. */
  readonly url: URL
  /** A device's name or index. */
  readonly zone: string | undefined
}

const zoned = /^(\s*[a-z][a-z\d+.-]*:\/\/(?:[^/?#@]*@)?\[[\da-f:.]+)%(?:25|(?!25))([^\]/?#@]+)(?=\])/i

/** The standard's `URL` takes no zone. `%` alone is read like `%25`, as curl and browsers' users write it. */
export function parseHttpUrl(text: string, base?: URL): HttpUrl | undefined {
  const [, , encoded] = zoned.exec(text) ?? []
  const plain = text.replace(zoned, '$1')
  if (!URL.canParse(plain, base?.href)) return undefined
  return { url: new URL(plain, base), zone: encoded === undefined ? undefined : percentDecoded(encoded) }
}

export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
