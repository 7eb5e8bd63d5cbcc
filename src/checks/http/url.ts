/** A URL, and the zone of the IPv6 address that is its host (RFC 6874): `http://[fe80::1%25wan2]/`. */
export interface HttpUrl {
  /** The URL without the zone, which is never sent because it means nothing to the other end. */
  readonly url: URL
  /** A device's name or index. */
  readonly zone: string | undefined
}

const zoned = /^(\s*[a-z][a-z\d+.-]*:\/\/(?:[^/?#@]*@)?\[[\da-f:.]+)%(?:25|(?!25))([^\]/?#@]+)(?=\])/i

/** The standard `URL` accepts no zone. A bare `%` is read as `%25`, as curl does. */
export function parseHttpUrl(text: string, base?: URL): HttpUrl | undefined {
  const [, , encoded] = zoned.exec(text) ?? []
  const plain = text.replace(zoned, '$1')
  try {
    return { url: new URL(plain, base), zone: encoded === undefined ? undefined : percentDecoded(encoded) }
  } catch {
    return undefined
  }
}

export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
