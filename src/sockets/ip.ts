/** The 4 or 16 bytes of a valid address (`isIP`), without its zone (RFC 4291 section 2.2). */
export function parseIP(address: string): Uint8Array {
  if (!address.includes(':')) return putIPv4(address, new Uint8Array(4), 0)
  const [head = '', tail = ''] = address.replace(/%.*/, '').split('::')
  const bytes = new Uint8Array(16)
  const last = groups(tail)
  bytes.set(groups(head))
  bytes.set(last, 16 - last.length)
  return bytes
}

/** Whether a valid address is that of a group, or in the IPv4 block that ends with the broadcast address. No single host has it. */
export function isGroup(address: string): boolean {
  const bytes = parseIP(address)
  return bytes[0]! >= (bytes.length === 4 ? 224 : 255)
}

/** Writes the 4 bytes of a valid IPv4 address. */
export function putIPv4(address: string, bytes: Uint8Array, start: number): Uint8Array {
  let at = start
  for (let i = 0; i < address.length; i++) {
    const digit = address.charCodeAt(i) - 48
    if (digit < 0) at++
    else bytes[at] = bytes[at]! * 10 + digit
  }
  return bytes
}

/** The bytes of an IPv6 address's groups. The last may be an IPv4 address. */
function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

/** Formats 16 bytes as RFC 5952 text. */
export function formatIPv6(bytes: Uint8Array): string {
  const ipv4 = mappedIPv4(bytes)
  if (ipv4) return `::ffff:${ipv4}`
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  const text = groups.join(':')
  // Compresses the longest run of at least two zeros; the first wins if equal.
  let gap = { index: -1, 0: '' }
  for (const run of text.matchAll(/\b0(?::0)+\b/g)) if (run[0].length > gap[0].length) gap = run
  if (gap.index < 0) return text
  return `${text.slice(0, gap.index).replace(/:$/, '')}::${text.slice(gap.index + gap[0].length).replace(/^:/, '')}`
}

/** A valid address (`isIP`) without zone in the one text that RFC 5952 section 4 gives it. */
export function canonicalIP(address: string): string {
  return address.includes(':') ? formatIPv6(parseIP(address)) : address
}

/** The IPv4 address within 16 bytes of `::ffff:0:0/96` (RFC 4291 section 2.5.5.2); undefined for any other address. */
export function mappedIPv4(bytes: Uint8Array): string | undefined {
  const mapped =
    bytes.length === 16 && bytes.subarray(0, 10).every(byte => byte === 0) && bytes[10]! + bytes[11]! === 510
  return mapped ? bytes.subarray(12).join('.') : undefined
}

/**
 * Dual-stack sockets write an IPv4 peer as `::ffff:192.0.2.1`, and send to the IPv4 address (RFC 4038 section 4.2). Returns
 * that address; any other text comes back unchanged.
 */
export function unmapped(address: string): string {
  return looksMapped.test(address) ? (mappedIPv4(parseIP(address)) ?? address) : address
}

const looksMapped = /^[0:]+:ffff:[\da-f.:]+(%|$)/i

/**
 * Whether the text is meant as an IPv4 address, or as several in the notation of other tools (`10.0.0.*`, `10.0.0.1-9`). It
 * can't be a host name, because the last label of a name is not numeric (RFC 3696 section 2).
 */
export function isNumericHost(text: string): boolean {
  return /^(\d+|(?=.*\.)[\d.*,-]+)$/.test(text)
}
